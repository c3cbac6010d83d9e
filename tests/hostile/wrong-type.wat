;; Exports `describe` under its right name, with a result of another type.
(component
  (core module $plugin (func (export "describe") (result i32) i32.const 1))
  (core instance $plugin (instantiate $plugin))
  (func $describe (result u32) (canon lift (core func $plugin "describe")))
  (instance $schema (export "describe" (func $describe)))
  (export "tenon:plugin/schema@0.1.0" (instance $schema)))

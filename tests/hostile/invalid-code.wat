;; Well formed, and its code does not type-check: it adds where there is nothing to add.
(component
  (core module $plugin
    (memory (export "memory") 1)
    (func (export "describe") (result i32) i32.add))
  (core instance $plugin (instantiate $plugin))
  (alias core export $plugin "memory" (core memory $memory))
  (func $describe (result (list string))
    (canon lift (core func $plugin "describe") (memory $memory)))
  (instance $schema (export "describe" (func $describe)))
  (export "tenon:plugin/schema@0.1.0" (instance $schema)))

;; Describes its schemas with a text that is no JSON.
(component
  (core module $plugin
    (memory (export "memory") 1)
    ;; A list of one string: its place and length are at 32.
    (data (i32.const 16) "\20\00\00\00\01\00\00\00")
    (data (i32.const 32) "\40\00\00\00\05\00\00\00")
    (data (i32.const 64) "{nope")
    (func (export "describe") (result i32) i32.const 16))
  (core instance $plugin (instantiate $plugin))
  (alias core export $plugin "memory" (core memory $memory))
  (func $describe (result (list string))
    (canon lift (core func $plugin "describe") (memory $memory)))
  (instance $schema (export "describe" (func $describe)))
  (export "tenon:plugin/schema@0.1.0" (instance $schema)))

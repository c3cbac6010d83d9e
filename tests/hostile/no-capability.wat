;; A valid component that exports nothing that the host calls.
(component
  (core module $plugin (func (export "greet")))
  (core instance $plugin (instantiate $plugin))
  (func (export "greet") (canon lift (core func $plugin "greet"))))

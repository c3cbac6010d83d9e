;; Imports the log of a version of the contract that this server does not speak. Refused, and told
;; which one it speaks.
(component
  (import "tenon:plugin/log@0.2.0" (instance))
  (instance $validation)
  (export "tenon:plugin/validation@0.1.0" (instance $validation)))

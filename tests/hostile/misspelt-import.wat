;; Imports `document`, which is called `documents`. Refused, and told the name that was meant.
(component
  (import "tenon:plugin/document@0.1.0" (instance))
  (instance $validation)
  (export "tenon:plugin/validation@0.1.0" (instance $validation)))

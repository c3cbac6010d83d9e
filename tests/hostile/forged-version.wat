;; Says that it was built for the version that this server speaks, and imports another: what it says
;; of itself does not let it pass.
(component
  (@custom "tenon:plugin" "0.1.0")
  (import "tenon:plugin/log@9.9.9" (instance))
  (instance $validation)
  (export "tenon:plugin/validation@0.1.0" (instance $validation)))

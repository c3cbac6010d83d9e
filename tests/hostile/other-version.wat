;; Says that it was built for another version of the contract, whatever its names say. Refused before
;; they are looked at.
(component
  (@custom "tenon:plugin" "0.2.0")
  (instance $schema)
  (export "tenon:plugin/schema@0.1.0" (instance $schema)))

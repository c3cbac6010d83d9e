;; Panics at once, on every call.
(component
  (import "tenon:plugin/documents@0.1.0" (instance $documents
    (export "document" (type $document (sub resource)))))
  (alias export $documents "document" (type $document))
  (import "tenon:plugin/types@0.1.0" (instance $types
    (type $context (record
      (field "request-id" string) (field "resource-type" string) (field "operation" string)
      (field "actor" string)))
    (export "context" (type (eq $context)))
    (type $issue (record
      (field "path" (option string)) (field "scim-type" (option string)) (field "detail" string)))
    (export "issue" (type (eq $issue)))
    (type $failure (record (field "message" string)))
    (export "failure" (type (eq $failure)))))
  (alias export $types "context" (type $context))
  (alias export $types "issue" (type $issue))
  (alias export $types "failure" (type $failure))
  (core module $plugin
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 4096)
    (func (export "validate")
      (param $request-id i32) (param i32) (param $resource-type i32) (param i32)
      (param $operation i32) (param i32) (param $actor i32) (param i32)
      (param $candidate i32) (param $has-current i32) (param $current i32)
      (result i32)
      unreachable))
  (core instance $plugin (instantiate $plugin))
  (alias core export $plugin "memory" (core memory $memory))
  (alias core export $plugin "realloc" (core func $realloc))
  (alias core export $plugin "validate" (core func $validate))
  (func $validate
    (param "ctx" $context) (param "candidate" (borrow $document))
    (param "current" (option (borrow $document)))
    (result (result (list $issue) (error $failure)))
    (canon lift (core func $validate) (memory $memory) (realloc $realloc)))
  (instance $validation (export "validate" (func $validate)))
  (export "tenon:plugin/validation@0.1.0" (instance $validation)))

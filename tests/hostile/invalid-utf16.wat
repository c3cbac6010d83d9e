;; Refuses with a text in UTF-16 that ends in the middle of a character: half of a surrogate pair.
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
  (core func $drop (canon resource.drop $document))
  (core instance $host (export "drop" (func $drop)))
  (core module $plugin
    (import "host" "drop" (func $drop (param i32)))
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 4096)
    (data (i32.const 1024) "\00\d8")
    (func (export "validate")
      (param $request-id i32) (param i32) (param $resource-type i32) (param i32)
      (param $operation i32) (param i32) (param $actor i32) (param i32)
      (param $candidate i32) (param $has-current i32) (param $current i32)
      (result i32)
      (call $drop (local.get $candidate))
      (if (local.get $has-current) (then (call $drop (local.get $current))))
      ;; ok, a list of one issue, which is at 32
      (i32.store (i32.const 20) (i32.const 32))
      (i32.store (i32.const 24) (i32.const 1))
      ;; its path and scim-type are none, its detail is here:
      (i32.store (i32.const 56) (i32.const 1024))
      (i32.store (i32.const 60) (i32.const 1))
      i32.const 16))
  (core instance $plugin (instantiate $plugin
    (with "host" (instance $host))))
  (alias core export $plugin "memory" (core memory $memory))
  (alias core export $plugin "realloc" (core func $realloc))
  (alias core export $plugin "validate" (core func $validate))
  (func $validate
    (param "ctx" $context) (param "candidate" (borrow $document))
    (param "current" (option (borrow $document)))
    (result (result (list $issue) (error $failure)))
    (canon lift (core func $validate) string-encoding=utf16 (memory $memory) (realloc $realloc)))
  (instance $validation (export "validate" (func $validate)))
  (export "tenon:plugin/validation@0.1.0" (instance $validation)))

;; Writes lines without a byte for ever. Each costs fuel, so it ends when its fuel does.
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
  (import "tenon:plugin/log@0.1.0" (instance $log
    (export "write" (func (param "level" string) (param "message" string)))))
  ;; What host functions read and write has to exist before they are made.
  (core module $libc
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 4096))
  (core instance $libc (instantiate $libc))
  (alias core export $libc "memory" (core memory $shared))
  (alias core export $libc "realloc" (core func $room))
  (alias export $log "write" (func $write))
  (core func $write (canon lower (func $write) (memory $shared)))
  (core func $drop (canon resource.drop $document))
  (core instance $host (export "write" (func $write)) (export "drop" (func $drop)))
  (core module $plugin
    (import "libc" "memory" (memory 1))
    (import "host" "write" (func $write (param i32 i32 i32 i32)))
    (import "host" "drop" (func $drop (param i32)))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 4096)
    (export "memory" (memory 0))
    (func (export "validate")
      (param $request-id i32) (param i32) (param $resource-type i32) (param i32)
      (param $operation i32) (param i32) (param $actor i32) (param i32)
      (param $candidate i32) (param $has-current i32) (param $current i32)
      (result i32)
      (call $drop (local.get $candidate))
      (if (local.get $has-current) (then (call $drop (local.get $current))))
      (loop $again
        (call $write (i32.const 1024) (i32.const 0) (i32.const 1024) (i32.const 0))
        (br $again))
      unreachable))
  (core instance $plugin (instantiate $plugin
    (with "libc" (instance $libc))
    (with "host" (instance $host))))
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

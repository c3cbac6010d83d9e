;; Refuses every resource that has members, and tells what it has read of them. Types without the
;; attribute `members`, and groups without members, it accepts.
(component
  (import "tenon:plugin/documents@0.1.0" (instance $documents
    (export "document" (type $document (sub resource)))
    (export "[method]document.get" (func
      (param "self" (borrow $document)) (param "path" string)
      (result (result (option string) (error string)))))))
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
  ;; What host functions read and write has to exist before they are made.
  (core module $libc
    (memory (export "memory") 2)
    (data (i32.const 1024) "members")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 65536))
  (core instance $libc (instantiate $libc))
  (alias core export $libc "memory" (core memory $shared))
  (alias core export $libc "realloc" (core func $room))
  (alias export $documents "[method]document.get" (func $get))
  (core func $get (canon lower (func $get) (memory $shared) (realloc $room)))
  (core func $drop (canon resource.drop $document))
  (core instance $host (export "get" (func $get)) (export "drop" (func $drop)))
  (core module $plugin
    (import "libc" "memory" (memory 2))
    (import "host" "get" (func $get (param i32 i32 i32 i32)))
    (import "host" "drop" (func $drop (param i32)))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 4096)
    (export "memory" (memory 0))
    (func (export "validate")
      (param $request-id i32) (param i32) (param $resource-type i32) (param i32)
      (param $operation i32) (param i32) (param $actor i32) (param i32)
      (param $candidate i32) (param $has-current i32) (param $current i32)
      (result i32)
      ;; The answer is written to 2048: ok or error there, some or none at 2052, then the text.
      (call $get (local.get $candidate) (i32.const 1024) (i32.const 7) (i32.const 2048))
      (call $drop (local.get $candidate))
      (if (local.get $has-current) (then (call $drop (local.get $current))))
      (if (i32.and
            (i32.eqz (i32.load8_u (i32.const 2048)))
            (i32.load8_u (i32.const 2052)))
        (then
          ;; ok, a list of one issue, which is at 32 and has the text as its detail
          (i32.store (i32.const 20) (i32.const 32))
          (i32.store (i32.const 24) (i32.const 1))
          (i32.store (i32.const 56) (i32.load (i32.const 2056)))
          (i32.store (i32.const 60) (i32.load (i32.const 2060)))))
      i32.const 16))
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

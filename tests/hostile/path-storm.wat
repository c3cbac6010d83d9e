;; Has the host search all values of an attribute thousands of times within one host call, in
;; which neither fuel nor the epoch stops a guest by itself. It accepts, once that is done.
(component
  (import "tenon:plugin/documents@0.1.0" (instance $documents
    (export "document" (type $document (sub resource)))
    (export "[method]document.get-many" (func
      (param "self" (borrow $document)) (param "paths" (list string))
      (result (list (result (option string) (error string))))))))
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
    (memory (export "memory") 4)
    (data (i32.const 1024) "emails[value eq \"z\"].value")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 131072))
  (core instance $libc (instantiate $libc))
  (alias core export $libc "memory" (core memory $shared))
  (alias core export $libc "realloc" (core func $room))
  (alias export $documents "[method]document.get-many" (func $get-many))
  (core func $get-many (canon lower (func $get-many) (memory $shared) (realloc $room)))
  (core func $drop (canon resource.drop $document))
  (core instance $host (export "get-many" (func $get-many)) (export "drop" (func $drop)))
  (core module $plugin
    (import "libc" "memory" (memory 4))
    (import "host" "get-many" (func $get-many (param i32 i32 i32 i32)))
    (import "host" "drop" (func $drop (param i32)))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 4096)
    (export "memory" (memory 0))
    (func (export "validate")
      (param $request-id i32) (param i32) (param $resource-type i32) (param i32)
      (param $operation i32) (param i32) (param $actor i32) (param i32)
      (param $candidate i32) (param $has-current i32) (param $current i32)
      (result i32)
      (local $path i32)
      ;; 4,000 times the 26 bytes at 1024, listed from 65536 on; the answer is written to 2048
      (local.set $path (i32.const 65536))
      (loop $next
        (i32.store (local.get $path) (i32.const 1024))
        (i32.store offset=4 (local.get $path) (i32.const 26))
        (local.set $path (i32.add (local.get $path) (i32.const 8)))
        (br_if $next (i32.lt_u (local.get $path) (i32.const 97536))))
      (call $get-many
        (local.get $candidate) (i32.const 65536) (i32.const 4000) (i32.const 2048))
      (call $drop (local.get $candidate))
      (if (local.get $has-current) (then (call $drop (local.get $current))))
      ;; ok, and no issues
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

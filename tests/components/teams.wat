;; Describes two resource types: Team, over the core schema of groups, and Badge, over its own. A
;; badge has a division itself; that of a user is in an extension.
(component
  (core module $plugin
    (memory (export "memory") 1)
    ;; A list of three strings: their places and lengths are at 32.
    (data (i32.const 16) "\20\00\00\00\03\00\00\00")
    (data (i32.const 32) "\00\01\00\00\9b\00\00\00\00\02\00\00\9d\00\00\00\00\03\00\00\87\00\00\00")
    (data (i32.const 256) "{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:ResourceType\"],\"name\":\"Team\",\"endpoint\":\"/Teams\",\"schema\":\"urn:ietf:params:scim:schemas:core:2.0:Group\"}")
    (data (i32.const 512) "{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:Schema\"],\"id\":\"urn:example:2.0:Badge\",\"name\":\"Badge\",\"attributes\":[{\"name\":\"number\"},{\"name\":\"division\"}]}")
    (data (i32.const 768) "{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:ResourceType\"],\"name\":\"Badge\",\"endpoint\":\"/Badges\",\"schema\":\"urn:example:2.0:Badge\"}")
    (func (export "describe") (result i32) i32.const 16))
  (core instance $plugin (instantiate $plugin))
  (alias core export $plugin "memory" (core memory $memory))
  (func $describe (result (list string))
    (canon lift (core func $plugin "describe") (memory $memory)))
  (instance $schema (export "describe" (func $describe)))
  (export "tenon:plugin/schema@0.1.0" (instance $schema)))

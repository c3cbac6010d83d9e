;; Each component holds two of the one before: a few hundred bytes that unfold to half a million
;; instances. Compiling it would take minutes and gigabytes.
(component
  (component $c0 (core module $m) (core instance (instantiate $m)))
  (component $c1
    (alias outer 1 $c0 (component $half))
    (instance (instantiate $half)) (instance (instantiate $half)))
  (component $c2
    (alias outer 1 $c1 (component $half))
    (instance (instantiate $half)) (instance (instantiate $half)))
  (component $c3
    (alias outer 1 $c2 (component $half))
    (instance (instantiate $half)) (instance (instantiate $half)))
  (component $c4
    (alias outer 1 $c3 (component $half))
    (instance (instantiate $half)) (instance (instantiate $half)))
  (component $c5
    (alias outer 1 $c4 (component $half))
    (instance (instantiate $half)) (instance (instantiate $half)))
  (component $c6
    (alias outer 1 $c5 (component $half))
    (instance (instantiate $half)) (instance (instantiate $half)))
  (component $c7
    (alias outer 1 $c6 (component $half))
    (instance (instantiate $half)) (instance (instantiate $half)))
  (component $c8
    (alias outer 1 $c7 (component $half))
    (instance (instantiate $half)) (instance (instantiate $half)))
  (component $c9
    (alias outer 1 $c8 (component $half))
    (instance (instantiate $half)) (instance (instantiate $half)))
  (component $c10
    (alias outer 1 $c9 (component $half))
    (instance (instantiate $half)) (instance (instantiate $half)))
  (component $c11
    (alias outer 1 $c10 (component $half))
    (instance (instantiate $half)) (instance (instantiate $half)))
  (component $c12
    (alias outer 1 $c11 (component $half))
    (instance (instantiate $half)) (instance (instantiate $half)))
  (component $c13
    (alias outer 1 $c12 (component $half))
    (instance (instantiate $half)) (instance (instantiate $half)))
  (component $c14
    (alias outer 1 $c13 (component $half))
    (instance (instantiate $half)) (instance (instantiate $half)))
  (component $c15
    (alias outer 1 $c14 (component $half))
    (instance (instantiate $half)) (instance (instantiate $half)))
  (component $c16
    (alias outer 1 $c15 (component $half))
    (instance (instantiate $half)) (instance (instantiate $half)))
  (component $c17
    (alias outer 1 $c16 (component $half))
    (instance (instantiate $half)) (instance (instantiate $half)))
  (component $c18
    (alias outer 1 $c17 (component $half))
    (instance (instantiate $half)) (instance (instantiate $half)))
  (instance (instantiate $c18))
  (instance $schema)
  (export "tenon:plugin/schema@0.1.0" (instance $schema)))

;; The two passes of a resize over 8-bit RGB, four sums at a time. Weights are fixed point with 22 fraction bits, so every
;; sum is below 2^31 in magnitude (8 bits of pixel, 22 of weight, the weights' magnitudes sum below 2) and 32-bit integers
;; hold it exactly. Narrowing saturates, which clamps negative lobes and overshoot to 0 and 255.
;;
;; Reads and writes go up to 16 bytes past a row: rows are written in order, so the next one repairs it, and the caller
;; leaves room behind the last. `npm run wasm` assembles this file into passes-wasm.ts.
(module
  (memory (export "memory") 1)

  ;; Every row at another width. Taps come in groups of four, the missing ones weighing nothing.
  (func (export "horizontal")
    (param $source i32) (param $stride i32)   ;; rows of bytes, RGB
    (param $rows i32)
    (param $first i32) (param $weights i32)   ;; i32 each: byte of the first tap by target pixel; its weights
    (param $groups i32)
    (param $out i32) (param $width i32)       ;; target pixels of a row, 3 bytes each
    (local $x i32) (local $group i32) (local $at i32) (local $weight i32)
    (local $pixels v128) (local $sum v128)
    (loop $row
      (local.set $x (i32.const 0))
      (local.set $weight (local.get $weights))
      (loop $column
        (local.set $at
          (i32.add (local.get $source)
                   (i32.load (i32.add (local.get $first) (i32.shl (local.get $x) (i32.const 2))))))
        (local.set $sum (v128.const i32x4 0x200000 0x200000 0x200000 0x200000)) ;; a half, to round to nearest
        (local.set $group (local.get $groups))
        (loop $taps
          (local.set $pixels (v128.load (local.get $at)))
          ;; each swizzle takes one RGB pixel apart into 32-bit lanes; an index of 0x80 gives zero
          (local.set $sum (i32x4.add (local.get $sum) (i32x4.mul
            (v128.load32_splat (local.get $weight))
            (i8x16.swizzle (local.get $pixels) (v128.const i8x16
              0 0x80 0x80 0x80 1 0x80 0x80 0x80 2 0x80 0x80 0x80 0x80 0x80 0x80 0x80)))))
          (local.set $sum (i32x4.add (local.get $sum) (i32x4.mul
            (v128.load32_splat offset=4 (local.get $weight))
            (i8x16.swizzle (local.get $pixels) (v128.const i8x16
              3 0x80 0x80 0x80 4 0x80 0x80 0x80 5 0x80 0x80 0x80 0x80 0x80 0x80 0x80)))))
          (local.set $sum (i32x4.add (local.get $sum) (i32x4.mul
            (v128.load32_splat offset=8 (local.get $weight))
            (i8x16.swizzle (local.get $pixels) (v128.const i8x16
              6 0x80 0x80 0x80 7 0x80 0x80 0x80 8 0x80 0x80 0x80 0x80 0x80 0x80 0x80)))))
          (local.set $sum (i32x4.add (local.get $sum) (i32x4.mul
            (v128.load32_splat offset=12 (local.get $weight))
            (i8x16.swizzle (local.get $pixels) (v128.const i8x16
              9 0x80 0x80 0x80 10 0x80 0x80 0x80 11 0x80 0x80 0x80 0x80 0x80 0x80 0x80)))))
          (local.set $at (i32.add (local.get $at) (i32.const 12)))
          (local.set $weight (i32.add (local.get $weight) (i32.const 16)))
          (br_if $taps (local.tee $group (i32.sub (local.get $group) (i32.const 1)))))
        (local.set $sum (i32x4.shr_s (local.get $sum) (i32.const 22)))
        (local.set $sum (i16x8.narrow_i32x4_s (local.get $sum) (local.get $sum)))
        (v128.store32_lane 0 (local.get $out) (i8x16.narrow_i16x8_u (local.get $sum) (local.get $sum)))
        (local.set $out (i32.add (local.get $out) (i32.const 3)))
        (br_if $column (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 1))) (local.get $width))))
      (local.set $source (i32.add (local.get $source) (local.get $stride)))
      (br_if $row (local.tee $rows (i32.sub (local.get $rows) (i32.const 1))))))

  ;; Every column at another height, sixteen bytes of a row at a time.
  (func (export "vertical")
    (param $source i32) (param $stride i32)   ;; rows of bytes
    (param $rows i32)                         ;; target rows
    (param $first i32) (param $weights i32)   ;; i32 each: byte of the first tap by target row; its weights
    (param $taps i32)
    (param $out i32) (param $length i32)      ;; bytes of a target row
    (local $x i32) (local $tap i32) (local $start i32) (local $at i32) (local $weight i32)
    (local $bytes v128) (local $low v128) (local $high v128) (local $factor v128)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (loop $row
      (local.set $start (i32.add (local.get $source) (i32.load (local.get $first))))
      (local.set $x (i32.const 0))
      (loop $columns
        (local.set $at (i32.add (local.get $start) (local.get $x)))
        (local.set $weight (local.get $weights))
        (local.set $tap (local.get $taps))
        (local.set $a (v128.const i32x4 0x200000 0x200000 0x200000 0x200000))
        (local.set $b (local.get $a))
        (local.set $c (local.get $a))
        (local.set $d (local.get $a))
        (loop $tap
          (local.set $bytes (v128.load (local.get $at)))
          (local.set $factor (v128.load32_splat (local.get $weight)))
          (local.set $low (i16x8.extend_low_i8x16_u (local.get $bytes)))
          (local.set $high (i16x8.extend_high_i8x16_u (local.get $bytes)))
          (local.set $a (i32x4.add (local.get $a)
            (i32x4.mul (local.get $factor) (i32x4.extend_low_i16x8_u (local.get $low)))))
          (local.set $b (i32x4.add (local.get $b)
            (i32x4.mul (local.get $factor) (i32x4.extend_high_i16x8_u (local.get $low)))))
          (local.set $c (i32x4.add (local.get $c)
            (i32x4.mul (local.get $factor) (i32x4.extend_low_i16x8_u (local.get $high)))))
          (local.set $d (i32x4.add (local.get $d)
            (i32x4.mul (local.get $factor) (i32x4.extend_high_i16x8_u (local.get $high)))))
          (local.set $at (i32.add (local.get $at) (local.get $stride)))
          (local.set $weight (i32.add (local.get $weight) (i32.const 4)))
          (br_if $tap (local.tee $tap (i32.sub (local.get $tap) (i32.const 1)))))
        (v128.store (i32.add (local.get $out) (local.get $x))
          (i8x16.narrow_i16x8_u
            (i16x8.narrow_i32x4_s (i32x4.shr_s (local.get $a) (i32.const 22)) (i32x4.shr_s (local.get $b) (i32.const 22)))
            (i16x8.narrow_i32x4_s (i32x4.shr_s (local.get $c) (i32.const 22)) (i32x4.shr_s (local.get $d) (i32.const 22)))))
        (br_if $columns
          (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 16))) (local.get $length))))
      (local.set $out (i32.add (local.get $out) (local.get $length)))
      (local.set $first (i32.add (local.get $first) (i32.const 4)))
      (local.set $weights (i32.add (local.get $weights) (i32.shl (local.get $taps) (i32.const 2))))
      (br_if $row (local.tee $rows (i32.sub (local.get $rows) (i32.const 1)))))))

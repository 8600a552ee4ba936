// RUN: lora-opt %s -split-input-file -verify-diagnostics

// A case for each constraint; the label of LoRAOps.td is in the function's name.

func.func @linear_c1_weight(%x: tensor<?x5xf32>, %w: tensor<7x4xf32>, %a: tensor<3x5xf32>, %b: tensor<7x3xf32>, %s: tensor<3xf32>) {
  // expected-error @below {{expected weight to be [7, 5], but got 'tensor<7x4xf32>'}}
  %0 = lora.linear %x, %w, %a, %b, %s : tensor<?x5xf32>, tensor<7x4xf32>, tensor<3x5xf32>, tensor<7x3xf32>, tensor<3xf32> -> tensor<?x7xf32>
  return
}

// -----

func.func @linear_c1_a(%x: tensor<?x5xf32>, %w: tensor<7x5xf32>, %a: tensor<3x7xf32>, %b: tensor<7x3xf32>, %s: tensor<3xf32>) {
  // expected-error @below {{expected a to be [3, 5], but got 'tensor<3x7xf32>'}}
  %0 = lora.linear %x, %w, %a, %b, %s : tensor<?x5xf32>, tensor<7x5xf32>, tensor<3x7xf32>, tensor<7x3xf32>, tensor<3xf32> -> tensor<?x7xf32>
  return
}

// -----

func.func @linear_c1_b(%x: tensor<?x5xf32>, %w: tensor<7x5xf32>, %a: tensor<3x5xf32>, %b: tensor<3x7xf32>, %s: tensor<3xf32>) {
  // expected-error @below {{expected b to be [7, 3], but got 'tensor<3x7xf32>'}}
  %0 = lora.linear %x, %w, %a, %b, %s : tensor<?x5xf32>, tensor<7x5xf32>, tensor<3x5xf32>, tensor<3x7xf32>, tensor<3xf32> -> tensor<?x7xf32>
  return
}

// -----

func.func @linear_c1_scale(%x: tensor<?x5xf32>, %w: tensor<7x5xf32>, %a: tensor<3x5xf32>, %b: tensor<7x3xf32>, %s: tensor<1xf32>) {
  // expected-error @below {{expected scale to be [3], but got 'tensor<1xf32>'}}
  %0 = lora.linear %x, %w, %a, %b, %s : tensor<?x5xf32>, tensor<7x5xf32>, tensor<3x5xf32>, tensor<7x3xf32>, tensor<1xf32> -> tensor<?x7xf32>
  return
}

// -----

func.func @linear_c1_bias(%x: tensor<?x5xf32>, %w: tensor<7x5xf32>, %a: tensor<3x5xf32>, %b: tensor<7x3xf32>, %s: tensor<3xf32>, %c: tensor<5xf32>) {
  // expected-error @below {{expected bias to be [7], but got 'tensor<5xf32>'}}
  %0 = lora.linear %x, %w, %a, %b, %s bias %c : tensor<?x5xf32>, tensor<7x5xf32>, tensor<3x5xf32>, tensor<7x3xf32>, tensor<3xf32>, tensor<5xf32> -> tensor<?x7xf32>
  return
}

// -----

func.func @linear_c1_result(%x: tensor<2x5xf32>, %w: tensor<7x5xf32>, %a: tensor<3x5xf32>, %b: tensor<7x3xf32>, %s: tensor<3xf32>) {
  // expected-error @below {{expected result to be [2, 7], but got 'tensor<7x2xf32>'}}
  %0 = lora.linear %x, %w, %a, %b, %s : tensor<2x5xf32>, tensor<7x5xf32>, tensor<3x5xf32>, tensor<7x3xf32>, tensor<3xf32> -> tensor<7x2xf32>
  return
}

// -----

func.func @linear_c2_adapter(%x: tensor<?x5xbf16>, %w: tensor<7x5xbf16>, %a: tensor<3x5xf32>, %b: tensor<7x3xbf16>, %s: tensor<3xf32>) {
  // expected-error @below {{expected one element type, 'bf16', but got 'tensor<3x5xf32>'}}
  %0 = lora.linear %x, %w, %a, %b, %s : tensor<?x5xbf16>, tensor<7x5xbf16>, tensor<3x5xf32>, tensor<7x3xbf16>, tensor<3xf32> -> tensor<?x7xbf16>
  return
}

// -----

func.func @linear_c2_bias(%x: tensor<?x5xbf16>, %w: tensor<7x5xbf16>, %a: tensor<3x5xbf16>, %b: tensor<7x3xbf16>, %s: tensor<3xf32>, %c: tensor<7xf32>) {
  // expected-error @below {{expected one element type, 'bf16', but got 'tensor<7xf32>'}}
  %0 = lora.linear %x, %w, %a, %b, %s bias %c : tensor<?x5xbf16>, tensor<7x5xbf16>, tensor<3x5xbf16>, tensor<7x3xbf16>, tensor<3xf32>, tensor<7xf32> -> tensor<?x7xbf16>
  return
}

// -----

func.func @down_c1_a(%x: tensor<?x5xf32>, %a: tensor<5x3xf32>, %s: tensor<5xf32>) {
  // expected-error @below {{expected a to be [5, 5], but got 'tensor<5x3xf32>'}}
  %0 = lora.down %x, %a, %s : tensor<?x5xf32>, tensor<5x3xf32>, tensor<5xf32> -> tensor<?x5xf32>
  return
}

// -----

func.func @down_c1_scale(%x: tensor<?x5xf32>, %a: tensor<3x5xf32>, %s: tensor<5xf32>) {
  // expected-error @below {{expected scale to be [3], but got 'tensor<5xf32>'}}
  %0 = lora.down %x, %a, %s : tensor<?x5xf32>, tensor<3x5xf32>, tensor<5xf32> -> tensor<?x3xf32>
  return
}

// -----

func.func @down_c1_result(%x: tensor<?x5xf32>, %a: tensor<3x5xf32>, %s: tensor<3xf32>) {
  // expected-error @below {{expected result to be [?, 3], but got 'tensor<?x5xf32>'}}
  %0 = lora.down %x, %a, %s : tensor<?x5xf32>, tensor<3x5xf32>, tensor<3xf32> -> tensor<?x5xf32>
  return
}

// -----

func.func @down_c2(%x: tensor<?x5xbf16>, %a: tensor<3x5xf32>, %s: tensor<3xf32>) {
  // expected-error @below {{expected one element type, 'bf16', but got 'tensor<3x5xf32>'}}
  %0 = lora.down %x, %a, %s : tensor<?x5xbf16>, tensor<3x5xf32>, tensor<3xf32> -> tensor<?x3xbf16>
  return
}

// -----

func.func @up_c1_weight(%x: tensor<?x5xf32>, %w: tensor<7x4xf32>, %t: tensor<?x6xf32>, %b: tensor<7x3xf32>) {
  // expected-error @below {{expected weight to be [7, 5], but got 'tensor<7x4xf32>'}}
  %0 = lora.up %x, %w, %t[0], %b : tensor<?x5xf32>, tensor<7x4xf32>, tensor<?x6xf32>, tensor<7x3xf32> -> tensor<?x7xf32>
  return
}

// -----

func.func @up_c1_b(%x: tensor<?x5xf32>, %w: tensor<7x5xf32>, %t: tensor<?x6xf32>, %b: tensor<5x3xf32>) {
  // expected-error @below {{expected b to be [7, 3], but got 'tensor<5x3xf32>'}}
  %0 = lora.up %x, %w, %t[0], %b : tensor<?x5xf32>, tensor<7x5xf32>, tensor<?x6xf32>, tensor<5x3xf32> -> tensor<?x7xf32>
  return
}

// -----

func.func @up_c1_bias(%x: tensor<?x5xf32>, %w: tensor<7x5xf32>, %t: tensor<?x6xf32>, %b: tensor<7x3xf32>, %c: tensor<3xf32>) {
  // expected-error @below {{expected bias to be [7], but got 'tensor<3xf32>'}}
  %0 = lora.up %x, %w, %t[0], %b bias %c : tensor<?x5xf32>, tensor<7x5xf32>, tensor<?x6xf32>, tensor<7x3xf32>, tensor<3xf32> -> tensor<?x7xf32>
  return
}

// -----

func.func @up_c1_tokens(%x: tensor<2x5xf32>, %w: tensor<7x5xf32>, %t: tensor<3x6xf32>, %b: tensor<7x3xf32>) {
  // expected-error @below {{expected t to be [2, 6], but got 'tensor<3x6xf32>'}}
  %0 = lora.up %x, %w, %t[0], %b : tensor<2x5xf32>, tensor<7x5xf32>, tensor<3x6xf32>, tensor<7x3xf32> -> tensor<2x7xf32>
  return
}

// -----

func.func @up_c2_end(%x: tensor<?x5xf32>, %w: tensor<7x5xf32>, %t: tensor<?x6xf32>, %b: tensor<7x3xf32>) {
  // expected-error @below {{expected ranks [4, 7) to be among the 6 of t}}
  %0 = lora.up %x, %w, %t[4], %b : tensor<?x5xf32>, tensor<7x5xf32>, tensor<?x6xf32>, tensor<7x3xf32> -> tensor<?x7xf32>
  return
}

// -----

func.func @up_c2_initializer(%x: tensor<?x5xf32>, %w: tensor<7x5xf32>, %t: tensor<?x6xf32>, %b: tensor<7x3xf32>) {
  // expected-error @below {{expected ranks [-1, 2) to be among the 6 of t}}
  %0 = lora.up %x, %w, %t[-1], %b : tensor<?x5xf32>, tensor<7x5xf32>, tensor<?x6xf32>, tensor<7x3xf32> -> tensor<?x7xf32>
  return
}

// -----

func.func @up_c3(%x: tensor<?x5xbf16>, %w: tensor<7x5xbf16>, %t: tensor<?x6xf32>, %b: tensor<7x3xbf16>) {
  // expected-error @below {{expected one element type, 'bf16', but got 'tensor<?x6xf32>'}}
  %0 = lora.up %x, %w, %t[0], %b : tensor<?x5xbf16>, tensor<7x5xbf16>, tensor<?x6xf32>, tensor<7x3xbf16> -> tensor<?x7xbf16>
  return
}

// -----

// expected-error @below {{expected base [out, in], b [out, rank], a [rank, in] and scale [rank], but got 'tensor<6x4xf32>', 'tensor<3x6xf32>', 'tensor<3x4xf32>' and 'tensor<3xf32>'}}
#merge_c1_b = #lora.merge<#transformer.base<"w", tensor<6x4xf32>>, #transformer.base<"b", tensor<3x6xf32>>, #transformer.base<"a", tensor<3x4xf32>>, dense<2.0> : tensor<3xf32>>

// -----

// expected-error @below {{expected base [out, in], b [out, rank], a [rank, in] and scale [rank]}}
#merge_c1_a = #lora.merge<#transformer.base<"w", tensor<6x4xf32>>, #transformer.base<"b", tensor<6x3xf32>>, #transformer.base<"a", tensor<4x3xf32>>, dense<2.0> : tensor<3xf32>>

// -----

// expected-error @below {{expected base [out, in], b [out, rank], a [rank, in] and scale [rank]}}
#merge_c1_scale = #lora.merge<#transformer.base<"w", tensor<6x4xf32>>, #transformer.base<"b", tensor<6x3xf32>>, #transformer.base<"a", tensor<3x4xf32>>, dense<2.0> : tensor<4xf32>>

// -----

// expected-error @below {{expected a plain matrix expression, but got #transformer.base<"w", tensor<6xf32>>}}
#merge_of_a_vector = #lora.merge<#transformer.base<"w", tensor<6xf32>>, #transformer.base<"b", tensor<6x3xf32>>, #transformer.base<"a", tensor<3x4xf32>>, dense<2.0> : tensor<3xf32>>

// -----

// expected-error @below {{expected a plain matrix expression, but got "w"}}
#merge_of_a_name = #lora.merge<"w", #transformer.base<"b", tensor<6x3xf32>>, #transformer.base<"a", tensor<3x4xf32>>, dense<2.0> : tensor<3xf32>>

// -----

func.func @embedding_c1_a(%ids: tensor<?xi32>, %t: tensor<9x5xf32>, %a: tensor<3x9xf32>, %b: tensor<5x3xf32>, %s: tensor<3xf32>) {
  // expected-error @below {{expected a to be [9, 9], but got 'tensor<3x9xf32>'}}
  %0 = lora.embedding %ids, %t, %a, %b, %s : tensor<?xi32>, tensor<9x5xf32>, tensor<3x9xf32>, tensor<5x3xf32>, tensor<3xf32> -> tensor<?x5xf32>
  return
}

// -----

func.func @embedding_c1_b(%ids: tensor<?xi32>, %t: tensor<9x5xf32>, %a: tensor<9x3xf32>, %b: tensor<3x5xf32>, %s: tensor<3xf32>) {
  // expected-error @below {{expected b to be [5, 3], but got 'tensor<3x5xf32>'}}
  %0 = lora.embedding %ids, %t, %a, %b, %s : tensor<?xi32>, tensor<9x5xf32>, tensor<9x3xf32>, tensor<3x5xf32>, tensor<3xf32> -> tensor<?x5xf32>
  return
}

// -----

func.func @embedding_c1_scale(%ids: tensor<?xi32>, %t: tensor<9x5xf32>, %a: tensor<9x3xf32>, %b: tensor<5x3xf32>, %s: tensor<1xf32>) {
  // expected-error @below {{expected scale to be [3], but got 'tensor<1xf32>'}}
  %0 = lora.embedding %ids, %t, %a, %b, %s : tensor<?xi32>, tensor<9x5xf32>, tensor<9x3xf32>, tensor<5x3xf32>, tensor<1xf32> -> tensor<?x5xf32>
  return
}

// -----

func.func @embedding_c1_result(%ids: tensor<2xi32>, %t: tensor<9x5xf32>, %a: tensor<9x3xf32>, %b: tensor<5x3xf32>, %s: tensor<3xf32>) {
  // expected-error @below {{expected result to be [2, 5], but got 'tensor<2x9xf32>'}}
  %0 = lora.embedding %ids, %t, %a, %b, %s : tensor<2xi32>, tensor<9x5xf32>, tensor<9x3xf32>, tensor<5x3xf32>, tensor<3xf32> -> tensor<2x9xf32>
  return
}

// -----

func.func @embedding_c2(%ids: tensor<?xi32>, %t: tensor<9x5xbf16>, %a: tensor<9x3xf32>, %b: tensor<5x3xbf16>, %s: tensor<3xf32>) {
  // expected-error @below {{expected one element type, 'bf16', but got 'tensor<9x3xf32>'}}
  %0 = lora.embedding %ids, %t, %a, %b, %s : tensor<?xi32>, tensor<9x5xbf16>, tensor<9x3xf32>, tensor<5x3xbf16>, tensor<3xf32> -> tensor<?x5xbf16>
  return
}

// -----

// expected-error @below {{expected base [out, in], b [out, rank], a [rank, in] and scale [rank]}}
func.func private @dora_factor_c1(%w: tensor<6xf32> {transformer.slot = "w", transformer.value = #lora.dora_factor<#transformer.base<"w", tensor<6x4xf32>>, #transformer.adapter<"d", "b", tensor<4x3xf32>>, #transformer.adapter<"d", "a", tensor<3x4xf32>>, dense<1.0> : tensor<3xf32>, #transformer.adapter<"d", "m", tensor<6xf32>>, dim = 0>})

// -----

// expected-error @below {{expected dim to be 0 or 1, but got 2}}
func.func private @dora_factor_c2_dim(%w: tensor<6xf32> {transformer.slot = "w", transformer.value = #lora.dora_factor<#transformer.base<"w", tensor<6x4xf32>>, #transformer.adapter<"d", "b", tensor<6x3xf32>>, #transformer.adapter<"d", "a", tensor<3x4xf32>>, dense<1.0> : tensor<3xf32>, #transformer.adapter<"d", "m", tensor<6xf32>>, dim = 2>})

// -----

// expected-error @below {{expected magnitude to be a vector of 4, but got #transformer.adapter}}
func.func private @dora_factor_c2_magnitude(%w: tensor<6xf32> {transformer.slot = "w", transformer.value = #lora.dora_factor<#transformer.base<"w", tensor<6x4xf32>>, #transformer.adapter<"d", "b", tensor<6x3xf32>>, #transformer.adapter<"d", "a", tensor<3x4xf32>>, dense<1.0> : tensor<3xf32>, #transformer.adapter<"d", "m", tensor<6xf32>>, dim = 1>})

// -----

// expected-error @below {{expected factors to be a vector of 6, but got #transformer.adapter}}
func.func private @scale_c1(%w: tensor<6x4xf32> {transformer.slot = "w", transformer.value = #lora.scale<#transformer.base<"w", tensor<6x4xf32>>, #transformer.adapter<"d", "f", tensor<4xf32>>, dim = 0>})

// -----

// expected-error @below {{expected a weight for each operand, but got 1 operands and 'tensor<2xf32>'}}
func.func private @sum_c1_weights(%w: tensor<6x4xf32> {transformer.slot = "w", transformer.value = #lora.sum<[#transformer.base<"w", tensor<6x4xf32>>], dense<1.0> : tensor<2xf32>>})

// -----

// expected-error @below {{expected expressions of one shape, but got #transformer.adapter}}
func.func private @sum_c1_shape(%w: tensor<6x4xf32> {transformer.slot = "w", transformer.value = #lora.sum<[#transformer.base<"w", tensor<6x4xf32>>, #transformer.adapter<"d", "x", tensor<4x6xf32>>], dense<1.0> : tensor<2xf32>>})

// -----

// expected-error @below {{expected rank to be in [1, 4], but got 5}}
func.func private @residual_c1(%w: tensor<6x4xf32> {transformer.slot = "w", transformer.value = #lora.residual<pissa, #transformer.base<"w", tensor<6x4xf32>>, rank = 5, scale = 1.0 : f64>})

// -----

// expected-error @below {{expected rank to be in [1, 4], but got 7}}
func.func private @initializer_c1(%w: tensor<7x4xf32> {transformer.slot = "w", transformer.value = #lora.initializer<pissa, a, #transformer.base<"w", tensor<6x4xf32>>, rank = 7, scale = 1.0 : f64>})

// -----

// expected-error @below {{expected a positive scale, but got 0.000000e+00}}
func.func private @initializer_c2(%w: tensor<2x4xf32> {transformer.slot = "w", transformer.value = #lora.initializer<olora, a, #transformer.base<"w", tensor<6x4xf32>>, rank = 2, scale = 0.0 : f64>})

// -----

// expected-error @below {{expected square [rank, rank] of an even rank and coordinates [rank / 2, any]}}
func.func private @orthogonal_c1_odd(%w: tensor<3x6xf32> {transformer.slot = "w", transformer.value = #lora.orthogonal<#transformer.init<standard_normal, "s", tensor<3x3xf32>, seed = 0>, #transformer.init<standard_normal, "s", tensor<1x6xf32>, seed = 0>, first = 0>})

// -----

// expected-error @below {{expected square [rank, rank] of an even rank and coordinates [rank / 2, any]}}
func.func private @orthogonal_c1_half(%w: tensor<4x6xf32> {transformer.slot = "w", transformer.value = #lora.orthogonal<#transformer.init<standard_normal, "s", tensor<4x4xf32>, seed = 0>, #transformer.init<standard_normal, "s", tensor<4x6xf32>, seed = 0>, first = 0>})

// -----

// expected-error @below {{expected first to be 0 or 1, but got 2}}
func.func private @orthogonal_c2(%w: tensor<4x6xf32> {transformer.slot = "w", transformer.value = #lora.orthogonal<#transformer.init<standard_normal, "s", tensor<4x4xf32>, seed = 0>, #transformer.init<standard_normal, "s", tensor<2x6xf32>, seed = 0>, first = 2>})

// -----

// expected-error @below {{expected a plain matrix expression}}
func.func private @norms_c1_matrix(%w: tensor<6xf32> {transformer.slot = "w", transformer.value = #lora.norms<#transformer.base<"w", tensor<6xf32>>, dim = 0>})

// -----

// expected-error @below {{expected dim to be 0 or 1, but got 2}}
func.func private @norms_c1_dim(%w: tensor<6xf32> {transformer.slot = "w", transformer.value = #lora.norms<#transformer.base<"w", tensor<6x4xf32>>, dim = 2>})

// -----

// expected-error @below {{expected a matrix expression}}
func.func private @residual_c1_matrix(%w: tensor<6xf32> {transformer.slot = "w", transformer.value = #lora.residual<pissa, #transformer.base<"w", tensor<6xf32>>, rank = 1, scale = 1.0 : f64>})

// -----

// expected-error @below {{expected a name}}
func.func private @named_without_name(%w: tensor<6x4xf32> {transformer.slot = "w", transformer.value = #transformer.named<"", #transformer.base<"w", tensor<6x4xf32>>>})

// -----

// expected-error @below {{expected}}
func.func private @named_without_expression(%w: tensor<6x4xf32> {transformer.slot = "w", transformer.value = #transformer.named<"a", 1 : i64>})

// -----

// expected-error @below {{expected rows to be [1, 4], but got 'tensor<2x4xf32>'}}
func.func private @replace_rows_c1(%w: tensor<6x4xf32> {transformer.slot = "w", transformer.value = #lora.replace_rows<#transformer.base<"w", tensor<6x4xf32>>, #transformer.adapter<"d", "r", tensor<2x4xf32>>, [1]>})

// -----

// expected-error @below {{expected each index once and in [0, 6), but got 6}}
func.func private @replace_rows_c2_range(%w: tensor<6x4xf32> {transformer.slot = "w", transformer.value = #lora.replace_rows<#transformer.base<"w", tensor<6x4xf32>>, #transformer.adapter<"d", "r", tensor<2x4xf32>>, [1, 6]>})

// -----

// expected-error @below {{expected each index once and in [0, 6), but got 1}}
func.func private @replace_rows_c2_twice(%w: tensor<6x4xf32> {transformer.slot = "w", transformer.value = #lora.replace_rows<#transformer.base<"w", tensor<6x4xf32>>, #transformer.adapter<"d", "r", tensor<2x4xf32>>, [1, 1]>})

// -----

// expected-error @below {{expected a plain vector or matrix expression, but got #transformer.base<"w", tensor<4x4xf32, #transformer.conv1d>>}}
#resize_rows_c1 = #lora.resize_rows<#transformer.base<"w", tensor<4x4xf32, #transformer.conv1d>> to 5>

// -----

// expected-error @below {{expected a positive number of rows, but got 0}}
#resize_rows_c2 = #lora.resize_rows<#transformer.base<"w", tensor<4x3xf32>> to 0>

// -----

// expected-error @below {{expected a plain matrix expression, but got #transformer.base<"w", tensor<4x4xf32, #transformer.conv1d>>}}
#merge = #lora.merge<#transformer.base<"w", tensor<4x4xf32, #transformer.conv1d>>, #transformer.adapter<"default", "b", tensor<4x3xf32>>, #transformer.adapter<"default", "a", tensor<3x4xf32>>, dense<1.0> : tensor<3xf32>>

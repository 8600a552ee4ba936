// A model of four decoder layers of Qwen3 in which layers 1 and 3 adapt q_proj and k_proj.

func.func private @embedding(%ids: tensor<?xi32>, %t: tensor<259x48xf32> {transformer.slot = "weight"}) -> tensor<?x48xf32> {
  %0 = transformer.embedding %ids, %t : tensor<?xi32>, tensor<259x48xf32> -> tensor<?x48xf32>
  return %0 : tensor<?x48xf32>
}
func.func private @decoder(%x: tensor<?x48xf32>, %cos: tensor<?x12xf32>, %sin: tensor<?x12xf32>, %seq: tensor<4x?xi32>,
    %n1: tensor<48xf32> {transformer.slot = "input_layernorm.weight"},
    %wq: tensor<144x48xf32> {transformer.slot = "self_attn.q_proj.weight"},
    %wk: tensor<72x48xf32> {transformer.slot = "self_attn.k_proj.weight"},
    %wv: tensor<72x48xf32> {transformer.slot = "self_attn.v_proj.weight"},
    %nq: tensor<24xf32> {transformer.slot = "self_attn.q_norm.weight"},
    %nk: tensor<24xf32> {transformer.slot = "self_attn.k_norm.weight"},
    %wo: tensor<48x144xf32> {transformer.slot = "self_attn.o_proj.weight"},
    %n2: tensor<48xf32> {transformer.slot = "post_attention_layernorm.weight"},
    %wg: tensor<80x48xf32> {transformer.slot = "mlp.gate_proj.weight"},
    %wu: tensor<80x48xf32> {transformer.slot = "mlp.up_proj.weight"},
    %wd: tensor<48x80xf32> {transformer.slot = "mlp.down_proj.weight"},
    %kc: tensor<?x72xf32> {transformer.slot = "self_attn.key_cache", transformer.role = #transformer.role<state>},
    %vc: tensor<?x72xf32> {transformer.slot = "self_attn.value_cache", transformer.role = #transformer.role<state>})
    -> (tensor<?x48xf32>, tensor<?x72xf32> {transformer.next = "self_attn.key_cache"}, tensor<?x72xf32> {transformer.next = "self_attn.value_cache"}) {
  %a = transformer.rms_norm %x, %n1 {eps = 1.0e-6 : f64} : tensor<?x48xf32>, tensor<48xf32>
  %q = transformer.linear %a, %wq : tensor<?x48xf32>, tensor<144x48xf32> -> tensor<?x144xf32>
  %k = transformer.linear %a, %wk : tensor<?x48xf32>, tensor<72x48xf32> -> tensor<?x72xf32>
  %v = transformer.linear %a, %wv : tensor<?x48xf32>, tensor<72x48xf32> -> tensor<?x72xf32>
  %qn = transformer.rms_norm %q, %nq {eps = 1.0e-6 : f64} : tensor<?x144xf32>, tensor<24xf32>
  %kn = transformer.rms_norm %k, %nk {eps = 1.0e-6 : f64} : tensor<?x72xf32>, tensor<24xf32>
  %qr = transformer.rotary %qn, %cos, %sin {head_dim = 24 : i64} : tensor<?x144xf32>, tensor<?x12xf32>
  %kr = transformer.rotary %kn, %cos, %sin {head_dim = 24 : i64} : tensor<?x72xf32>, tensor<?x12xf32>
  %kc1 = transformer.cache_write %kc, %kr, %seq : tensor<?x72xf32>, tensor<?x72xf32>, tensor<4x?xi32>
  %vc1 = transformer.cache_write %vc, %v, %seq : tensor<?x72xf32>, tensor<?x72xf32>, tensor<4x?xi32>
  %o, %lse = transformer.attention %qr, %kc1, %vc1, %seq {heads = 6 : i64, kv_heads = 3 : i64, scale = 0.204 : f64} : tensor<?x144xf32>, tensor<?x72xf32>, tensor<4x?xi32> -> tensor<?x6xf32>
  %oo = transformer.linear %o, %wo : tensor<?x144xf32>, tensor<48x144xf32> -> tensor<?x48xf32>
  %h = transformer.add %x, %oo : tensor<?x48xf32>
  %b = transformer.rms_norm %h, %n2 {eps = 1.0e-6 : f64} : tensor<?x48xf32>, tensor<48xf32>
  %g = transformer.linear %b, %wg : tensor<?x48xf32>, tensor<80x48xf32> -> tensor<?x80xf32>
  %u = transformer.linear %b, %wu : tensor<?x48xf32>, tensor<80x48xf32> -> tensor<?x80xf32>
  %s = transformer.activation %g {kind = silu} : tensor<?x80xf32>
  %m = transformer.mul %s, %u : tensor<?x80xf32>
  %d = transformer.linear %m, %wd : tensor<?x80xf32>, tensor<48x80xf32> -> tensor<?x48xf32>
  %y = transformer.add %h, %d : tensor<?x48xf32>
  return %y, %kc1, %vc1 : tensor<?x48xf32>, tensor<?x72xf32>, tensor<?x72xf32>
}
func.func private @decoder.lora(%x: tensor<?x48xf32>, %cos: tensor<?x12xf32>, %sin: tensor<?x12xf32>, %seq: tensor<4x?xi32>,
    %n1: tensor<48xf32> {transformer.slot = "input_layernorm.weight"},
    %wq: tensor<144x48xf32> {transformer.slot = "self_attn.q_proj.weight"},
    %qa: tensor<3x48xf32> {transformer.slot = "self_attn.q_proj.lora_A.weight", transformer.role = #transformer.role<trainable>},
    %qb: tensor<144x3xf32> {transformer.slot = "self_attn.q_proj.lora_B.weight", transformer.role = #transformer.role<trainable>},
    %wk: tensor<72x48xf32> {transformer.slot = "self_attn.k_proj.weight"},
    %ka: tensor<3x48xf32> {transformer.slot = "self_attn.k_proj.lora_A.weight", transformer.role = #transformer.role<trainable>},
    %kb: tensor<72x3xf32> {transformer.slot = "self_attn.k_proj.lora_B.weight", transformer.role = #transformer.role<trainable>},
    %wv: tensor<72x48xf32> {transformer.slot = "self_attn.v_proj.weight"},
    %nq: tensor<24xf32> {transformer.slot = "self_attn.q_norm.weight"},
    %nk: tensor<24xf32> {transformer.slot = "self_attn.k_norm.weight"},
    %wo: tensor<48x144xf32> {transformer.slot = "self_attn.o_proj.weight"},
    %n2: tensor<48xf32> {transformer.slot = "post_attention_layernorm.weight"},
    %wg: tensor<80x48xf32> {transformer.slot = "mlp.gate_proj.weight"},
    %wu: tensor<80x48xf32> {transformer.slot = "mlp.up_proj.weight"},
    %wd: tensor<48x80xf32> {transformer.slot = "mlp.down_proj.weight"},
    %kc: tensor<?x72xf32> {transformer.slot = "self_attn.key_cache", transformer.role = #transformer.role<state>},
    %vc: tensor<?x72xf32> {transformer.slot = "self_attn.value_cache", transformer.role = #transformer.role<state>})
    -> (tensor<?x48xf32>, tensor<?x72xf32> {transformer.next = "self_attn.key_cache"}, tensor<?x72xf32> {transformer.next = "self_attn.value_cache"}) {
  %scale = arith.constant dense<2.0> : tensor<3xf32>
  %a = transformer.rms_norm %x, %n1 {eps = 1.0e-6 : f64} : tensor<?x48xf32>, tensor<48xf32>
  %q = lora.linear %a, %wq, %qa, %qb, %scale : tensor<?x48xf32>, tensor<144x48xf32>, tensor<3x48xf32>, tensor<144x3xf32>, tensor<3xf32> -> tensor<?x144xf32>
  %k = lora.linear %a, %wk, %ka, %kb, %scale : tensor<?x48xf32>, tensor<72x48xf32>, tensor<3x48xf32>, tensor<72x3xf32>, tensor<3xf32> -> tensor<?x72xf32>
  %v = transformer.linear %a, %wv : tensor<?x48xf32>, tensor<72x48xf32> -> tensor<?x72xf32>
  %qn = transformer.rms_norm %q, %nq {eps = 1.0e-6 : f64} : tensor<?x144xf32>, tensor<24xf32>
  %kn = transformer.rms_norm %k, %nk {eps = 1.0e-6 : f64} : tensor<?x72xf32>, tensor<24xf32>
  %qr = transformer.rotary %qn, %cos, %sin {head_dim = 24 : i64} : tensor<?x144xf32>, tensor<?x12xf32>
  %kr = transformer.rotary %kn, %cos, %sin {head_dim = 24 : i64} : tensor<?x72xf32>, tensor<?x12xf32>
  %kc1 = transformer.cache_write %kc, %kr, %seq : tensor<?x72xf32>, tensor<?x72xf32>, tensor<4x?xi32>
  %vc1 = transformer.cache_write %vc, %v, %seq : tensor<?x72xf32>, tensor<?x72xf32>, tensor<4x?xi32>
  %o, %lse = transformer.attention %qr, %kc1, %vc1, %seq {heads = 6 : i64, kv_heads = 3 : i64, scale = 0.204 : f64} : tensor<?x144xf32>, tensor<?x72xf32>, tensor<4x?xi32> -> tensor<?x6xf32>
  %oo = transformer.linear %o, %wo : tensor<?x144xf32>, tensor<48x144xf32> -> tensor<?x48xf32>
  %h = transformer.add %x, %oo : tensor<?x48xf32>
  %b = transformer.rms_norm %h, %n2 {eps = 1.0e-6 : f64} : tensor<?x48xf32>, tensor<48xf32>
  %g = transformer.linear %b, %wg : tensor<?x48xf32>, tensor<80x48xf32> -> tensor<?x80xf32>
  %u = transformer.linear %b, %wu : tensor<?x48xf32>, tensor<80x48xf32> -> tensor<?x80xf32>
  %s = transformer.activation %g {kind = silu} : tensor<?x80xf32>
  %m = transformer.mul %s, %u : tensor<?x80xf32>
  %d = transformer.linear %m, %wd : tensor<?x80xf32>, tensor<48x80xf32> -> tensor<?x48xf32>
  %y = transformer.add %h, %d : tensor<?x48xf32>
  return %y, %kc1, %vc1 : tensor<?x48xf32>, tensor<?x72xf32>, tensor<?x72xf32>
}
func.func private @norm(%x: tensor<?x48xf32>, %w: tensor<48xf32> {transformer.slot = "weight"}) -> tensor<?x48xf32> {
  %0 = transformer.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x48xf32>, tensor<48xf32>
  return %0 : tensor<?x48xf32>
}
func.func private @head(%h: tensor<?x48xf32>, %w: tensor<259x48xf32> {transformer.slot = "weight"}) -> tensor<?x259xf32> {
  %0 = transformer.linear %h, %w : tensor<?x48xf32>, tensor<259x48xf32> -> tensor<?x259xf32>
  return %0 : tensor<?x259xf32>
}
func.func @hidden_states(%ids: tensor<?xi32>, %seq: tensor<4x?xi32>) -> tensor<?x48xf32> {
  %h0 = transformer.apply @embedding at "model.embed_tokens"(%ids) : (tensor<?xi32>) -> tensor<?x48xf32>
  %cos, %sin = transformer.rotary_table %seq {inverse_frequencies = array<f32: 1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.01>} : tensor<4x?xi32> -> tensor<?x12xf32>
  %h1 = transformer.apply @decoder at "model.layers.0"(%h0, %cos, %sin, %seq) : (tensor<?x48xf32>, tensor<?x12xf32>, tensor<?x12xf32>, tensor<4x?xi32>) -> tensor<?x48xf32>
  %h2 = transformer.apply @decoder.lora at "model.layers.1"(%h1, %cos, %sin, %seq) : (tensor<?x48xf32>, tensor<?x12xf32>, tensor<?x12xf32>, tensor<4x?xi32>) -> tensor<?x48xf32>
  %h3 = transformer.apply @decoder at "model.layers.2"(%h2, %cos, %sin, %seq) : (tensor<?x48xf32>, tensor<?x12xf32>, tensor<?x12xf32>, tensor<4x?xi32>) -> tensor<?x48xf32>
  %h4 = transformer.apply @decoder.lora at "model.layers.3"(%h3, %cos, %sin, %seq) : (tensor<?x48xf32>, tensor<?x12xf32>, tensor<?x12xf32>, tensor<4x?xi32>) -> tensor<?x48xf32>
  %h5 = transformer.apply @norm at "model.norm"(%h4) : (tensor<?x48xf32>) -> tensor<?x48xf32>
  return %h5 : tensor<?x48xf32>
}
func.func @logits(%h: tensor<?x48xf32>) -> tensor<?x259xf32> {
  %0 = transformer.apply @head at "model.embed_tokens"(%h) : (tensor<?x48xf32>) -> tensor<?x259xf32>
  return %0 : tensor<?x259xf32>
}

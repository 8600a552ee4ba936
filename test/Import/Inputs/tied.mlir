// Two layers in bf16 between an embedding and a head with the same table; k_proj has a bias, q_proj has none.
module attributes {transformer.model = #transformer.model<{embedding_layer = "model.embed_tokens", family = "llama", output_layer = "lm_head", tied = true, vocab_size = 9 : i64}>} {
  func.func private @embedding(%ids: tensor<?xi32>, %w: tensor<9x6xbf16> {transformer.slot = "weight"}) -> tensor<?x6xbf16> {
    %0 = transformer.embedding %ids, %w : tensor<?xi32>, tensor<9x6xbf16> -> tensor<?x6xbf16>
    return %0 : tensor<?x6xbf16>
  }
  func.func private @decoder(%x: tensor<?x6xbf16>, %n: tensor<6xbf16> {transformer.slot = "norm.weight"},
      %q: tensor<6x6xbf16> {transformer.slot = "q_proj.weight"},
      %k: tensor<6x6xbf16> {transformer.slot = "k_proj.weight"},
      %b: tensor<6xbf16> {transformer.slot = "k_proj.bias"}) -> tensor<?x6xbf16> {
    %0 = transformer.rms_norm %x, %n {eps = 1.0e-6 : f64} : tensor<?x6xbf16>, tensor<6xbf16>
    %1 = transformer.linear %0, %q : tensor<?x6xbf16>, tensor<6x6xbf16> -> tensor<?x6xbf16>
    %2 = transformer.linear %1, %k bias %b : tensor<?x6xbf16>, tensor<6x6xbf16>, tensor<6xbf16> -> tensor<?x6xbf16>
    return %2 : tensor<?x6xbf16>
  }
  func.func private @head(%x: tensor<?x6xbf16>, %w: tensor<9x6xbf16> {transformer.slot = "weight"}) -> tensor<?x9xbf16> {
    %0 = transformer.linear %x, %w : tensor<?x6xbf16>, tensor<9x6xbf16> -> tensor<?x9xbf16>
    return %0 : tensor<?x9xbf16>
  }
  func.func @forward(%ids: tensor<?xi32>) -> tensor<?x9xbf16> {
    %0 = transformer.apply @embedding at "model.embed_tokens"(%ids) : (tensor<?xi32>) -> tensor<?x6xbf16>
    %1 = transformer.apply @decoder at "model.layers.0"(%0) : (tensor<?x6xbf16>) -> tensor<?x6xbf16>
    %2 = transformer.apply @decoder at "model.layers.1"(%1) : (tensor<?x6xbf16>) -> tensor<?x6xbf16>
    %3 = transformer.apply @head at "model.embed_tokens"(%2) : (tensor<?x6xbf16>) -> tensor<?x9xbf16>
    return %3 : tensor<?x9xbf16>
  }
}

// The model of docs/Passes/Pipelines.md: two layers, the second with an adapter.
module attributes {transformer.model = #transformer.model<{family = "llama", vocab_size = 10 : i64}>} {
  func.func private @embedding(%ids: tensor<?xi32>, %table: tensor<10x6xf32> {transformer.slot = "weight"}) -> tensor<?x6xf32> {
    %x = transformer.embedding %ids, %table : tensor<?xi32>, tensor<10x6xf32> -> tensor<?x6xf32>
    return %x : tensor<?x6xf32>
  }
  func.func private @layer(%x: tensor<?x6xf32>, %w: tensor<6x6xf32> {transformer.slot = "proj.weight"}) -> tensor<?x6xf32> {
    %y = transformer.linear %x, %w : tensor<?x6xf32>, tensor<6x6xf32> -> tensor<?x6xf32>
    %z = transformer.add %x, %y : tensor<?x6xf32>
    return %z : tensor<?x6xf32>
  }
  func.func private @head(%x: tensor<?x6xf32>, %w: tensor<10x6xf32> {transformer.slot = "weight"}) -> tensor<?x10xf32> {
    %y = transformer.linear %x, %w : tensor<?x6xf32>, tensor<10x6xf32> -> tensor<?x10xf32>
    return %y : tensor<?x10xf32>
  }
  func.func @hidden_states(%ids: tensor<?xi32>, %sequence: tensor<4x?xi32>) -> tensor<?x6xf32> {
    %0 = transformer.apply @embedding at "model.embed_tokens"(%ids) : (tensor<?xi32>) -> tensor<?x6xf32>
    %1 = transformer.apply @layer at "model.layers.0"(%0) : (tensor<?x6xf32>) -> tensor<?x6xf32>
    %2 = transformer.apply @layer at "model.layers.1"(%1) : (tensor<?x6xf32>) -> tensor<?x6xf32>
    return %2 : tensor<?x6xf32>
  }
  func.func @logits(%hidden: tensor<?x6xf32>) -> tensor<?x10xf32> {
    %0 = transformer.apply @head at "lm_head"(%hidden) : (tensor<?x6xf32>) -> tensor<?x10xf32>
    return %0 : tensor<?x10xf32>
  }
}

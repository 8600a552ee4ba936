// A head for masked words, which is tied to the embedding only by the name of its weight.
module attributes {transformer.model = #transformer.model<{embedding_layer = "bert.embeddings.word_embeddings", family = "bert", output_layer = "cls.predictions.decoder", tied = true, vocab_size = 9 : i64}>} {
  func.func private @model(%ids: tensor<?xi32>, %w: tensor<9x6xf32> {transformer.slot = "embeddings.word_embeddings.weight"},
      %q: tensor<4x6xf32> {transformer.slot = "query.weight"}) -> (tensor<?x6xf32>, tensor<?x4xf32>) {
    %0 = transformer.embedding %ids, %w : tensor<?xi32>, tensor<9x6xf32> -> tensor<?x6xf32>
    %1 = transformer.linear %0, %q : tensor<?x6xf32>, tensor<4x6xf32> -> tensor<?x4xf32>
    return %0, %1 : tensor<?x6xf32>, tensor<?x4xf32>
  }
  func.func private @head(%x: tensor<?x6xf32>, %w: tensor<9x6xf32> {transformer.slot = "decoder.weight"}) -> tensor<?x9xf32> {
    %0 = transformer.linear %x, %w : tensor<?x6xf32>, tensor<9x6xf32> -> tensor<?x9xf32>
    return %0 : tensor<?x9xf32>
  }
  func.func @forward(%ids: tensor<?xi32>) -> tensor<?x9xf32> {
    %0, %1 = transformer.apply @model at "bert"(%ids) : (tensor<?xi32>) -> (tensor<?x6xf32>, tensor<?x4xf32>)
    %2 = transformer.apply @head at "cls.predictions"(%0) : (tensor<?x6xf32>) -> tensor<?x9xf32>
    return %2 : tensor<?x9xf32>
  }
}

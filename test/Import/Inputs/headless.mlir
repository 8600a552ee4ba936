func.func private @block(%x: tensor<?x48xf32>, %q: tensor<48x48xf32> {transformer.slot = "self_attn.q_proj.weight"},
    %v: tensor<24x48xf32> {transformer.slot = "self_attn.v_proj.weight"}) -> (tensor<?x48xf32>, tensor<?x24xf32>) {
  %0 = transformer.linear %x, %q : tensor<?x48xf32>, tensor<48x48xf32> -> tensor<?x48xf32>
  %1 = transformer.linear %x, %v : tensor<?x48xf32>, tensor<24x48xf32> -> tensor<?x24xf32>
  return %0, %1 : tensor<?x48xf32>, tensor<?x24xf32>
}
func.func @hidden_states(%x: tensor<?x48xf32>) -> tensor<?x48xf32> {
  %0:2 = transformer.apply @block at "layers.0"(%x) : (tensor<?x48xf32>) -> (tensor<?x48xf32>, tensor<?x24xf32>)
  %1:2 = transformer.apply @block at "layers.1"(%0#0) : (tensor<?x48xf32>) -> (tensor<?x48xf32>, tensor<?x24xf32>)
  %2:2 = transformer.apply @block at "layers.2"(%1#0) : (tensor<?x48xf32>) -> (tensor<?x48xf32>, tensor<?x24xf32>)
  return %2#0 : tensor<?x48xf32>
}

// RUN: lora-opt %s -transformer-strip-cache -verify-diagnostics

// expected-note @below {{the block is here}}
func.func private @decoder(%k: tensor<?x72xf32>,
    %kc: tensor<?x72xf32> {transformer.slot = "key_cache", transformer.role = #transformer.role<state>}) -> tensor<?x72xf32> {
  // expected-error @below {{expected state to be used by 'transformer.cache_write' only, but this is a use of 'key_cache'}}
  %0 = transformer.add %k, %kc : tensor<?x72xf32>
  return %0 : tensor<?x72xf32>
}

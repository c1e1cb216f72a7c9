"""The network: cells, attentions, decoders and the model they make. Tensors only: no vocabulary, no recipe."""

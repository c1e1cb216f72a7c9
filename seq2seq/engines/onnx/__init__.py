"""The ONNX engine: the network as three graphs that ONNX Runtime runs, and what writes them.

What runs a model (numpy and onnxruntime) and what writes one (torch and the package `onnx`) are different files; the
first never import the second.

A bundle's folder `onnx/` holds, in fp32 and in int8, three graphs without large weights:

* tables: `ids` int64[t] -> `source` f32[t, Gs], `target` f32[t, Gt]: what of the first layer's step depends on the
  token alone.
* encoder: `ids` int64[n, S], `lengths` int64[n], `source_table` f32[V, Gs] -> `memory.0` ..., `state.0` ...
* step: `last_ids` int64[R], `rows` int64[R], `grid` int64[n, w], `place` int64[R], `also` int64[R, m], `k` int64[1],
  `target_table` f32[V, Gt], `memory.0` ..., `state.0` ... -> `ids` int64[R, k], `best` f32[R, k], `also_log_probs`
  f32[R, m], `attention` f32[R, S] (only where the model attends), `log_probs` f32[R, V], `next.0` ...: the state after
  the step, which cannot have the names of the state before it.

Outputs that a call does not ask for are computed all the same: `RunOptions.only_execute_path_to_fetches` does nothing
outside of the builds for training. In fp32 a batch has at least `least_rows` rows, in every graph: the engine doubles a
lone one.

Beside them stand `int8.safetensors` and `engine.json`:

    {"schema_version": 1,
     "network": the digest of the recipe's [model] that they were made from,
     "weights": size and checksum of the weights that they were made from,
     "precisions": {"int8": {"source_symbols", "target_symbols", "source_width": Gs, "target_width": Gt, "num_memory",
                             "num_state", "least_rows",
                             "weights": {graph: [names of the tensors outside of it]},
                             "scales": {name of an int8 tensor: name of its scale},
                             "differences": from torch, on a sample},
                    "fp32": the same}}
"""

"""finetune: a run that goes on from a model, on new text."""

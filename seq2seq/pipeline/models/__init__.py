"""What is done with a trained model besides translating: its card, its graphs, its words, its make."""

"""elman: small recurrent sequence models, from the equation on the page to a model that runs without PyTorch."""

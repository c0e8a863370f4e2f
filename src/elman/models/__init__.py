"""What the predictors of several tasks share, without torch: recurrent stack, attention, pooling, CRF."""

// Return a row of an embedding of int8 as the input of a layer.
static layer_input embedding_row(const int8_t* embedding, const float* scale, int row, int columns) {
    layer_input input = {NULL, embedding + (size_t)row * columns, scale[row]};
    return input;
}

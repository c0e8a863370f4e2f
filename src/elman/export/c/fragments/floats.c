// Return floats as the input of a layer.
static layer_input floats(const float* x) {
    layer_input input = {x, NULL, 0.0f};
    return input;
}

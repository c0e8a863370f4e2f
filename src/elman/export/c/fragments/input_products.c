// a = W x + b_ih; with floats in place of W, the products are summed one after another.
static void input_products(float* a, const int8_layer* layer, layer_input input, int rows) {
    if (layer->float_W) {
        for (int r = 0; r < rows; ++r) {
            float sum = 0.0f;
            for (int c = 0; c < layer->inputs; ++c) sum += layer->float_W[(size_t)r * layer->inputs + c] * input.x[c];
            a[r] = sum + layer->b_ih[r];
        }
    } else if (input.q) {
        multiply_quantized(a, layer->W, layer->W_scale, layer->b_ih, input.q, input.scale, rows, layer->inputs);
    } else {
        multiply_int8(a, layer->W, layer->W_scale, layer->b_ih, input.x, rows, layer->inputs);
    }
}

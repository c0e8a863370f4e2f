// One step of the simple recurrent network (Elman, 1990), as torch.nn.RNN computes it:
//
//     h' = tanh(W x + b_ih + U h + b_hh)
static void elman_tanh(const recurrent_layer* layer, const float* x, float* h) {
    const int H = layer->units;
    float s[MAX_UNITS];
    multiply(s, layer->W, layer->b_ih, x, H, layer->inputs);
    add_product(s, layer->U, layer->b_hh, h, H, H);
    for (int j = 0; j < H; ++j) h[j] = hyperbolic_tangent(s[j]);
}

// One recurrent layer in one direction. The rows of W (gates * units, inputs), U (gates * units, units) and the biases
// are those of the gates, one gate after another.
typedef struct {
    int inputs, units;
    const float *W, *U, *b_ih, *b_hh;
} recurrent_layer;

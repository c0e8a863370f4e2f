// Return log(1 + e^x); no x overflows.
static double softplus_double(double x) { return (x > 0.0 ? x : 0.0) + log1p(exp(x > 0.0 ? -x : x)); }

"""Convolution, batch norm and max-pooling whose derivatives, of every order, stay in fast kernels."""

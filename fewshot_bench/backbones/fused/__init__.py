"""Convolution, batch norm and pooling whose derivatives of every order run in fast kernels."""

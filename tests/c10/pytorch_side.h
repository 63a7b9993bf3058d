#ifndef TESTS_C10_PYTORCH_SIDE_H_
#define TESTS_C10_PYTORCH_SIDE_H_

// Whether PyTorch's names mean what PyTorch defines, to PyTorch.
bool PyTorchIsItself();

#endif  // TESTS_C10_PYTORCH_SIDE_H_

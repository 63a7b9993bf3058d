#ifndef TESTS_C10_PYTORCH_SIDE_H_
#define TESTS_C10_PYTORCH_SIDE_H_

// Whether PyTorch's own code still gets PyTorch's definitions.
bool PyTorchIsItself();

#endif  // TESTS_C10_PYTORCH_SIDE_H_

// Align two images with a patch network's TFLite file, through OpenCV and LiteRT's C API.
//
//   align A.jpg B.jpg model.tflite aligned.png
//
// Prints b_from_a, pixels of A to pixels of B, and the expected corner error in pixels of the patch; writes A
// as B sees it. How it is built: keras_homography/saving/README.md.

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

// What is used of LiteRT 2, as litert/c/*.h of its SDK declares it: with the SDK at hand, include that instead.
extern "C" {
using Handle = struct Opaque*;  // LiteRtEnvironment, LiteRtModel, LiteRtTensorBuffer, ...
struct alignas(16) RankedTensorType {
  char bytes[256];  // larger than LiteRtRankedTensorType: passed on, never looked into
};
int LiteRtCreateEnvironment(int option_count, const void* options, Handle* environment);
int LiteRtCreateModelFromFile(Handle environment, const char* path, Handle* model);
int LiteRtGetModelSignature(Handle model, size_t index, Handle* signature);
int LiteRtGetNumSignatureOutputs(Handle signature, size_t* count);
int LiteRtGetSignatureOutputName(Handle signature, size_t index, const char** name);
int LiteRtGetSignatureInputTensorByIndex(Handle signature, size_t index, Handle* tensor);
int LiteRtGetSignatureOutputTensorByIndex(Handle signature, size_t index, Handle* tensor);
int LiteRtGetRankedTensorType(Handle tensor, RankedTensorType* type);
int LiteRtCreateOptions(Handle* options);
int LiteRtSetOptionsHardwareAccelerators(Handle options, int accelerators);
int LiteRtCreateCompiledModel(Handle environment, Handle model, Handle options, Handle* compiled);
int LiteRtGetCompiledModelInputBufferRequirements(Handle compiled, size_t signature, size_t index, Handle* needs);
int LiteRtGetCompiledModelOutputBufferRequirements(Handle compiled, size_t signature, size_t index, Handle* needs);
int LiteRtCreateManagedTensorBufferFromRequirements(
    Handle environment, const RankedTensorType* type, Handle needs, Handle* buffer);
int LiteRtGetTensorBufferSize(Handle buffer, size_t* bytes);
int LiteRtLockTensorBuffer(Handle buffer, void** address, int mode);
int LiteRtUnlockTensorBuffer(Handle buffer);
int LiteRtRunCompiledModel(
    Handle compiled, size_t signature, size_t input_count, Handle* inputs, size_t output_count, Handle* outputs);
}
constexpr int kCpu = 1, kRead = 0, kWrite = 1;

constexpr int kPatch = 128;  // side of the network's patches, in pixels

void check(bool ok, const std::string& what) {
  if (ok) return;
  std::cerr << what << "\n";
  std::exit(2);
}

#define LITERT(call) check((call) == 0, #call " failed")

Handle tensor_buffer(Handle environment, Handle tensor, Handle needs) {
  RankedTensorType type;
  Handle buffer;
  LITERT(LiteRtGetRankedTensorType(tensor, &type));
  LITERT(LiteRtCreateManagedTensorBufferFromRequirements(environment, &type, needs, &buffer));
  return buffer;
}

// Pixels of an image from pixels of its patch: pixel centers are at whole numbers, so halves are shifted.
cv::Matx33d image_from_patch(const cv::Mat& image) {
  const double x = double(image.cols) / kPatch, y = double(image.rows) / kPatch;
  return {x, 0, (x - 1) / 2, 0, y, (y - 1) / 2, 0, 0, 1};
}

void align(const char* path_a, const char* path_b, const char* model_path, const char* output_path) {
  const cv::Mat a = cv::imread(path_a, cv::IMREAD_GRAYSCALE), b = cv::imread(path_b, cv::IMREAD_GRAYSCALE);
  check(!a.empty(), std::string("cannot read ") + path_a);
  check(!b.empty(), std::string("cannot read ") + path_b);

  Handle environment, model, signature, options, compiled, tensor, needs;
  LITERT(LiteRtCreateEnvironment(0, nullptr, &environment));
  check(LiteRtCreateModelFromFile(environment, model_path, &model) == 0, std::string("cannot read ") + model_path);
  LITERT(LiteRtGetModelSignature(model, 0, &signature));
  LITERT(LiteRtCreateOptions(&options));
  LITERT(LiteRtSetOptionsHardwareAccelerators(options, kCpu));
  LITERT(LiteRtCreateCompiledModel(environment, model, options, &compiled));

  LITERT(LiteRtGetSignatureInputTensorByIndex(signature, 0, &tensor));
  LITERT(LiteRtGetCompiledModelInputBufferRequirements(compiled, 0, 0, &needs));
  Handle input = tensor_buffer(environment, tensor, needs);
  size_t bytes;
  LITERT(LiteRtGetTensorBufferSize(input, &bytes));
  check(bytes == sizeof(float) * 2 * kPatch * kPatch, std::string(model_path) + " does not take pairs of 128x128");
  void* address;
  LITERT(LiteRtLockTensorBuffer(input, &address, kWrite));
  cv::Mat pair(kPatch, kPatch, CV_32FC2, address), patches[2];
  cv::resize(a, patches[0], {kPatch, kPatch}, 0, 0, cv::INTER_AREA);
  cv::resize(b, patches[1], {kPatch, kPatch}, 0, 0, cv::INTER_AREA);
  for (cv::Mat& patch : patches) patch.convertTo(patch, CV_32F);  // gray levels stay in 0..255
  cv::merge(patches, 2, pair);
  LITERT(LiteRtUnlockTensorBuffer(input));

  size_t output_count;
  LITERT(LiteRtGetNumSignatureOutputs(signature, &output_count));
  std::vector<Handle> outputs(output_count);
  for (size_t i = 0; i < output_count; i++) {
    LITERT(LiteRtGetSignatureOutputTensorByIndex(signature, i, &tensor));
    LITERT(LiteRtGetCompiledModelOutputBufferRequirements(compiled, 0, i, &needs));
    outputs[i] = tensor_buffer(environment, tensor, needs);
  }
  LITERT(LiteRtRunCompiledModel(compiled, 0, 1, &input, output_count, outputs.data()));

  bool found = false;
  cv::Point2f corners_b[] = {{0, 0}, {kPatch, 0}, {kPatch, kPatch}, {0, kPatch}}, corners_a[4];
  for (size_t i = 0; i < output_count; i++) {
    const char* name;
    LITERT(LiteRtGetSignatureOutputName(signature, i, &name));
    LITERT(LiteRtLockTensorBuffer(outputs[i], &address, kRead));
    const float* values = static_cast<float*>(address);
    if (std::strcmp(name, "h4pt") == 0) {  // corner c of B lies at c + h4pt in A
      for (int c = 0; c < 4; c++) corners_a[c] = corners_b[c] + cv::Point2f(values[2 * c], values[2 * c + 1]);
      found = true;
    }
    if (std::strcmp(name, "h4pt_error") == 0) std::cout << "h4pt_error " << values[0] << "\n";
    LITERT(LiteRtUnlockTensorBuffer(outputs[i]));
  }

  check(found, std::string(model_path) + " has no output h4pt");
  const cv::Matx33d patch_b_from_a = cv::getPerspectiveTransform(corners_a, corners_b);
  cv::Matx33d b_from_a = image_from_patch(b) * patch_b_from_a * image_from_patch(a).inv();
  b_from_a *= 1 / b_from_a(2, 2);
  std::cout.precision(12);
  std::cout << "b_from_a " << cv::Mat(b_from_a.reshape<1, 9>()) << "\n";

  cv::Mat aligned;
  cv::warpPerspective(a, aligned, b_from_a, b.size());
  check(cv::imwrite(output_path, aligned), std::string("cannot write ") + output_path);
}

int main(int count, char** arguments) {
  check(count == 5, "usage: align A B model.tflite aligned.png");
  try {
    align(arguments[1], arguments[2], arguments[3], arguments[4]);
  } catch (const cv::Exception& error) {
    check(false, error.what());
  }
}

//===- FromJson.cpp - Primitives as the manifest describes them -----------===//

#include "../core/Json.h"
#include "Engine.h"
#include "lora-runtime/Layouts.h"

#include <set>

namespace lora_rt::cpu {

using namespace onednn;

namespace {

/// Reads the fields of a JSON object, remembers the first thing that is wrong, and
/// notices fields that nobody asked for.
class Fields {
public:
  Fields(const Json &object, const std::string &what)
      : object(object), what(what) {
    if (!object.is_object())
      fail("expected an object");
  }

  std::string text(const char *key) {
    const Json *value = take(key);
    if (!value || !value->is_string()) {
      fail("expected a text for '", key, "'");
      return "";
    }
    return value->get<std::string>();
  }

  int64_t size(const char *key) {
    const Json *value = take(key);
    if (!value || !isIndex(*value) || *value == 0) {
      fail("expected a positive whole number for '", key, "'");
      return 1;
    }
    return value->get<int64_t>();
  }

  bool flag(const char *key) {
    const Json *value = take(key);
    if (!value)
      return false;
    if (!value->is_boolean())
      fail("expected true or false for '", key, "'");
    return value->is_boolean() && value->get<bool>();
  }

  DType type(const char *key) {
    std::string name = text(key);
    std::optional<DType> type = parseManifestName(name);
    if (!type)
      fail("unknown element type '", name, "' for '", key, "'");
    return type.value_or(DType::F32);
  }

  bool has(const char *key) const {
    return object.is_object() && object.contains(key) && !object[key].is_null();
  }

  const Json *take(const char *key) {
    known.insert(key);
    return has(key) ? &object[key] : nullptr;
  }

  /// {"scheme": "plain"} or {"scheme": "onednn", "tag": TAG}; plain if absent.
  std::string layout(const char *key) {
    const Json *value = take(key);
    if (!value)
      return std::string(plainLayout);
    Fields fields(*value, what + " " + key);
    std::string scheme = fields.text("scheme");
    std::string name(plainLayout);
    if (scheme == "onednn")
      name = fields.text("tag");
    else if (scheme != "plain")
      fail("unknown layout scheme '", scheme, "'");
    if (Error error = fields.finish(); error && !failure)
      failure = std::move(error);
    return name;
  }

  template <typename... Parts> void fail(const Parts &...parts) {
    if (!failure)
      failure = makeError(ErrorCode::InvalidFile, what, ": ", parts...);
  }

  Error finish() {
    if (object.is_object())
      for (const auto &[key, value] : object.items())
        if (!known.count(key))
          fail("unknown key '", key, "'; this runtime is older than the module");
    return std::move(failure);
  }

private:
  const Json &object;
  std::string what;
  std::set<std::string> known;
  Error failure;
};

Expected<PostOp> parsePostOp(const Json &json) {
  Fields fields(json, "post-op");
  std::string kind = fields.text("kind");
  PostOp op{PostOp::Kind::Sum};
  if (kind == "sum")
    op.kind = PostOp::Kind::Sum;
  else if (kind == "silu")
    op.kind = PostOp::Kind::Silu;
  else if (kind == "gelu_tanh")
    op.kind = PostOp::Kind::GeluTanh;
  else if (kind == "gelu_erf")
    op.kind = PostOp::Kind::GeluErf;
  else if (kind == "relu")
    op.kind = PostOp::Kind::Relu;
  else if (kind == "add")
    op.kind = PostOp::Kind::Add;
  else if (kind == "mul")
    op.kind = PostOp::Kind::Mul;
  else
    fields.fail("unknown kind '", kind, "'");
  if (op.isBinary())
    op.operand = fields.type("dtype");
  if (Error error = fields.finish())
    return error;
  return op;
}

Expected<MatmulSpec> readMatmul(const Json &json) {
  Fields fields(json, "matmul");
  fields.text("kind");
  MatmulSpec spec;
  spec.m = fields.size("m");
  spec.n = fields.size("n");
  spec.k = fields.size("k");
  spec.a = fields.type("a");
  spec.b = fields.type("b");
  spec.c = fields.type("c");
  spec.transposeA = fields.flag("transpose_a");
  spec.transposeB = fields.flag("transpose_b");
  spec.layout = fields.layout("b_layout");
  if (fields.take("bias"))
    spec.bias = fields.type("bias");
  if (const Json *list = fields.take("post_ops")) {
    if (!list->is_array())
      fields.fail("expected a list for 'post_ops'");
    else
      for (const Json &entry : *list) {
        Expected<PostOp> op = parsePostOp(entry);
        if (!op)
          return op.takeError();
        spec.postOps.push_back(*op);
      }
  }
  if (Error error = fields.finish())
    return error;
  return spec;
}

Expected<GatherSpec> readGather(const Json &json) {
  Fields fields(json, "gather");
  fields.text("kind");
  GatherSpec spec;
  spec.rows = fields.size("rows");
  spec.width = fields.size("width");
  spec.count = fields.size("count");
  spec.dtype = fields.type("dtype");
  spec.layout = fields.layout("layout");
  if (Error error = fields.finish())
    return error;
  return spec;
}

} // namespace

Expected<MatmulSpec> parseMatmul(std::string_view json) {
  Expected<Json> value = parseJson(json, "primitive");
  if (!value)
    return value.takeError();
  return readMatmul(*value);
}

Expected<std::unique_ptr<lora_primitive>>
createFromJson(lora_engine &engine, std::string_view json) {
  Expected<Json> value = parseJson(json, "primitive");
  if (!value)
    return value.takeError();
  std::string kind;
  if (value->is_object() && value->contains("kind") && (*value)["kind"].is_string())
    kind = (*value)["kind"].get<std::string>();
  if (kind == "matmul") {
    Expected<MatmulSpec> spec = readMatmul(*value);
    if (!spec)
      return spec.takeError();
    return createMatmul(engine, *spec);
  }
  if (kind == "gather") {
    Expected<GatherSpec> spec = readGather(*value);
    if (!spec)
      return spec.takeError();
    return createGather(engine, *spec);
  }
  return makeError(ErrorCode::Unsupported, "primitive: unknown kind '", kind,
                   "'; this runtime is older than the module");
}

} // namespace lora_rt::cpu

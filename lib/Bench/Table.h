//===- Table.h - Aligned columns of text ------------------------*- C++ -*-===//

#ifndef LORA_MLIR_LIB_BENCH_TABLE_H
#define LORA_MLIR_LIB_BENCH_TABLE_H

#include <string>
#include <vector>

namespace lora::bench {

/// The first column names the rows and is aligned to the left, others to the
/// right. Cells that are not set stay empty.
class Table {
public:
  explicit Table(std::string title) : heads{std::move(title)} {}

  void addColumn(std::string head);
  /// Begins a row; `set` fills it.
  void addRow(std::string name);
  void set(const std::string &column, std::string cell);

  /// A line for the heads and one for each row.
  std::string text() const;

private:
  std::vector<std::string> heads;
  std::vector<std::vector<std::string>> rows;
};

} // namespace lora::bench

#endif // LORA_MLIR_LIB_BENCH_TABLE_H

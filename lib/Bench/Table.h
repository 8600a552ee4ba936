//===- Table.h - Aligned columns of text ------------------------*- C++ -*-===//
//
// A table for a terminal. Columns are in the order in which they are first set.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_BENCH_TABLE_H
#define LORA_MLIR_LIB_BENCH_TABLE_H

#include <string>
#include <vector>

namespace lora::bench {

/// The first column has the names of the rows and is aligned to the left; all
/// others are aligned to the right. Cells that are not set stay empty.
class Table {
public:
  explicit Table(std::string title) : heads{std::move(title)} {}

  void addColumn(std::string head);
  /// Begins a row; `set` fills it.
  void addRow(std::string name);
  void set(const std::string &column, std::string cell);

  /// The text: a line with the headings, and a line for each row.
  std::string text() const;

private:
  std::vector<std::string> heads;
  std::vector<std::vector<std::string>> rows;
};

} // namespace lora::bench

#endif // LORA_MLIR_LIB_BENCH_TABLE_H

//===- Table.cpp - Aligned columns of text --------------------------------===//
//
// Implements Table.h. The width of a column is that of its longest cell.
//
//===----------------------------------------------------------------------===//

#include "Table.h"

#include <algorithm>

using namespace lora::bench;

void Table::addColumn(std::string head) { heads.push_back(std::move(head)); }

void Table::addRow(std::string name) { rows.push_back({std::move(name)}); }

void Table::set(const std::string &column, std::string cell) {
  auto index =
      size_t(std::find(heads.begin() + 1, heads.end(), column) - heads.begin());
  rows.back().resize(std::max(rows.back().size(), index + 1));
  rows.back()[index] = std::move(cell);
}

std::string Table::text() const {
  std::vector<size_t> widths;
  for (const std::string &head : heads)
    widths.push_back(head.size());
  for (const std::vector<std::string> &row : rows)
    for (size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  std::string text;
  auto addLine = [&](const std::vector<std::string> &cells) {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i) {
      std::string space(widths[i] - cells[i].size(), ' ');
      line += i == 0 ? cells[i] + space : "  " + space + cells[i];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  addLine(heads);
  for (const std::vector<std::string> &row : rows)
    addLine(row);
  return text;
}

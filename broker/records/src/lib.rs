//! Record batches v2: header view, builder, iterator, CRC-32C.

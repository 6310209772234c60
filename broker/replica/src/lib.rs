//! Partition replicas: leader, follower, ISR, high watermark, truncation.

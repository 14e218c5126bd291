//! What the delivery path promises under load: order, no lost wakeup, backpressure, fairness.

"""Every feature, one row each, by kind; the engines that compute them are features/events and features/telemetry."""

"""The console: a second process with web pages, records and reports. It opens no port to the machine; it asks the daemon over its socket."""

"""Drivers of treadmill drives, sensors and enable outputs, and the links they live on.

A family is one folder: `frames` (the codec, without I/O), the device, a simulated device, and `quality.toml`, which says where its facts come from.
Shared beneath them: `_exchange` and `_bus` (who may speak when, and which reply counts), `_modbus` (the only importer of pymodbus), `_serial` (the only
importer of pyserial), `_tcp`, `_line` (keeps a link open), `_timer`. Found by entry points, and only when the machine file names them.
"""

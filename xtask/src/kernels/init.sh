#!/bin/busybox sh
# The first process of a machine that `cargo xtask kernels` boots. The console is the first serial port; what nva-guest
# reports goes to the second one.
busybox=/bin/busybox
$busybox mount -t proc proc /proc
$busybox mount -t sysfs sysfs /sys
$busybox mount -t devtmpfs devtmpfs /dev
$busybox depmod
for driver in virtio_pci virtio_net veth; do
    $busybox modprobe $driver
done
export PATH=/bin NVA_BIN=/bin/nva NVA_DATAPLANE_TESTS=/bin/dataplane RUST_BACKTRACE=1
nva-guest >/dev/ttyS1
$busybox poweroff -f

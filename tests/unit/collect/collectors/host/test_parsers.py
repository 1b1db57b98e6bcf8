"""Unit tests of reading the kernel's files, on recorded text."""

from __future__ import annotations

import pytest

from anyascope.collect.collectors.host import cpu, disks, interfaces, kernel, memory, network, sensors, timing
from anyascope.collect.points import Family
from anyascope.model.metrics import MetricType

STAT = """cpu  5590 2 3596 317562 870 0 88 77 10 4
cpu0 1829 1 1467 160406 121 0 15 35 10 4
cpu1 3761 1 2129 157156 749 0 73 42 0 0
intr 219973 0 0 5
ctxt 419844
btime 1795474254
processes 6622
procs_running 1
procs_blocked 2
softirq 100 0 1
"""


def series(families: list[Family]) -> dict[tuple, float]:
    """(name, sorted non-empty labels) -> value."""
    return {
        (family.name, *sorted(pair for pair in labels if pair[1])): value
        for family in families
        for labels, value in family.points
    }


def test_cpu_seconds_by_mode() -> None:
    """Each processor's time by mode, and its guests' beside; the sum of all is left to queries."""
    found = series(cpu.parse_cpu(STAT, ticks_per_s=100.0, times=cpu.CpuTimes()))
    assert found["node_cpu_seconds_total", ("cpu", "0"), ("mode", "user")] == 18.29
    assert found["node_cpu_seconds_total", ("cpu", "1"), ("mode", "steal")] == 0.42
    assert found["node_cpu_guest_seconds_total", ("cpu", "0"), ("mode", "nice")] == 0.04
    assert len(found) == 2 * (8 + 2)


def test_an_old_kernel_has_fewer_modes() -> None:
    """Modes that the kernel does not tell are left out."""
    found = series(cpu.parse_cpu("cpu0 1 2 3 4\n", ticks_per_s=100.0, times=cpu.CpuTimes()))
    assert len(found) == 4


def test_cpu_counters_never_fall() -> None:
    """What the kernel takes back of idle and iowait does not look like a restart; an unplugged processor's reset does."""
    times = cpu.CpuTimes()
    assert times.settle("cpu0", [1.0, 0, 0, 100.0, 5.0]) == [1.0, 0, 0, 100.0, 5.0]
    assert times.settle("cpu0", [2.0, 0, 0, 99.5, 4.0]) == [2.0, 0, 0, 100.0, 5.0]
    assert times.settle("cpu0", [0.1, 0, 0, 3.0, 0.0]) == [0.1, 0, 0, 3.0, 0.0]


def test_stat_tells_more_than_processors() -> None:
    """Interrupts, switches, forks, start and the run queue."""
    found = series(cpu.parse_stat(STAT))
    assert found == {
        ("node_intr_total",): 219973.0,
        ("node_context_switches_total",): 419844.0,
        ("node_forks_total",): 6622.0,
        ("node_boot_time_seconds",): 1795474254.0,
        ("node_procs_running",): 1.0,
        ("node_procs_blocked",): 2.0,
    }


def test_schedstat() -> None:
    """Running, waiting and time slices of each processor."""
    text = "version 15\ntimestamp 1\ncpu0 0 0 0 0 0 0 2045936778163039 343796328169361 4767485306\ndomain0 3 1 2\n"
    found = series(cpu.parse_schedstat(text))
    assert found["node_schedstat_running_seconds_total", ("cpu", "0")] == 2045936.778163039
    assert found["node_schedstat_timeslices_total", ("cpu", "0")] == 4767485306.0


def test_meminfo_in_bytes() -> None:
    """Sizes become bytes and say so; counts stay counts; brackets become part of the name."""
    found = series(
        memory.parse_meminfo("MemTotal:  100 kB\nActive(anon): 7 kB\nHugePages_Total:  3\nDirectMap4k: 0 kB\n")
    )
    assert found == {
        ("node_memory_MemTotal_bytes",): 102400.0,
        ("node_memory_Active_anon_bytes",): 7168.0,
        ("node_memory_HugePages_Total",): 3.0,
        ("node_memory_DirectMap4k_bytes",): 0.0,
    }


def test_vmstat_is_a_selection() -> None:
    """Of some 180 fields those that tell of pressure."""
    found = series(
        memory.parse_vmstat("nr_free_pages 5\npgpgin 1\npswpout 2\npgmajfault 3\noom_kill 4\npgalloc_dma 9\n")
    )
    assert sorted(name for (name,) in found) == [
        "node_vmstat_oom_kill",
        "node_vmstat_pgmajfault",
        "node_vmstat_pgpgin",
        "node_vmstat_pswpout",
    ]


DISKSTATS = """ 254       0 vda 36799 11714 2564594 22828 7494 23630 5306752 47825 0 11388 71476 4139 50 457408 789 890 33
   8       1 sda1 1 1 1 1 1 1 1 1 1 1 1
   7       0 loop0 1 1 1 1 1 1 1 1 1 1 1
   8       0 sda 10 0 8 5 0 0 0 0 1 4 4
"""


def test_diskstats() -> None:
    """Bytes are sectors of 512, times are milliseconds; partitions and loop devices are left out."""
    known = disks.DiskProperties({"ID_SERIAL": "S1", "ID_FS_TYPE": "ext4", "ID_FS_UUID": "u"}, "1")
    found = series(
        disks.parse_diskstats(
            DISKSTATS, properties=lambda device, *_: known if device == "vda" else disks.DiskProperties()
        )
    )
    assert found["node_disk_read_bytes_total", ("device", "vda")] == 1313072128.0
    assert found["node_disk_io_time_seconds_total", ("device", "vda")] == 11.388
    assert found["node_disk_discarded_sectors_total", ("device", "vda")] == 457408.0
    assert found["node_disk_flush_requests_time_seconds_total", ("device", "vda")] == 0.033
    info = (
        "node_disk_info",
        ("device", "vda"),
        ("major", "254"),
        ("minor", "0"),
        ("rotational", "1"),
        ("serial", "S1"),
    )
    assert found[info] == 1.0
    assert found["node_disk_filesystem_info", ("device", "vda"), ("type", "ext4"), ("uuid", "u")] == 1.0
    assert {dict(key[1:])["device"] for key in found} == {"vda", "sda"}


def test_an_old_kernel_tells_less_of_disks() -> None:
    """Columns that the kernel does not have are left out, not made up."""
    found = series(disks.parse_diskstats(DISKSTATS, properties=lambda *_: disks.DiskProperties()))
    assert ("node_disk_io_now", ("device", "sda")) in found
    assert ("node_disk_discards_completed_total", ("device", "sda")) not in found


def test_udev_properties() -> None:
    """Only properties count, and a value may hold an equals sign."""
    assert disks.parse_udev("S:disk/by-id/x\nE:ID_MODEL=A=B\nG:seat\nE:ID_WWN=0x5\n") == {
        "ID_MODEL": "A=B",
        "ID_WWN": "0x5",
    }


MOUNTINFO = r"""22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:5 / /dev rw,nosuid shared:2 - devtmpfs devtmpfs rw,size=4k
24 22 8:17 / /data\040disk ro,relatime shared:3 - xfs /dev/sdb1 rw,attr2
25 22 8:17 / /data\040disk rw - xfs /dev/sdb1 rw
26 22 0:40 / /srv rw - nfs4 nas:/srv rw
broken
"""


def test_mounts() -> None:
    """Each place once, octal escapes resolved, read-only by mount or file system."""
    found = {mount.mountpoint: mount for mount in disks.parse_mountinfo(MOUNTINFO)}
    assert list(found) == ["/", "/dev", "/data disk", "/srv"]
    assert found["/data disk"] == disks.Mount("/dev/sdb1", "/data disk", "xfs", "8", "17", is_readonly=True)
    assert not found["/"].is_readonly


NETDEV = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    3555      34    0    0    0     0          0         0     3555      34    0    0    0     0       0          0
  eth0:801495072   35843    1    2    3     4          5         6  1279383   14669    7    8    9    10      11         12
"""


def test_netdev() -> None:
    """Sixteen counters an interface, also where no blank stands behind the colon."""
    found = series(network.parse_netdev(NETDEV))
    assert found["node_network_receive_bytes_total", ("device", "eth0")] == 801495072.0
    assert found["node_network_receive_multicast_total", ("device", "eth0")] == 6.0
    assert found["node_network_transmit_carrier_total", ("device", "eth0")] == 11.0
    assert len(found) == 32


def test_netstat() -> None:
    """Names and values stand in pairs of lines; of IPv6 in one line each."""
    text = "TcpExt: SyncookiesSent ListenDrops\nTcpExt: 1 2\nIpExt: InOctets\nIpExt: 3\n"
    assert network.parse_netstat(text) == {
        "TcpExt_SyncookiesSent": 1.0,
        "TcpExt_ListenDrops": 2.0,
        "IpExt_InOctets": 3.0,
    }
    assert network.parse_snmp6("Ip6InOctets\t128\nIcmp6OutMsgs  10\nUdpLite6InErrors 0\nnonsense\n") == {
        "Ip6_InOctets": 128.0,
        "Icmp6_OutMsgs": 10.0,
        "UdpLite6_InErrors": 0.0,
    }


def test_sockstat() -> None:
    """Memory is told in pages and in bytes."""
    found = series(network.parse_sockstat("sockets: used 24\nTCP: inuse 4 mem 104\n", page_bytes=4096))
    assert found == {
        ("node_sockstat_sockets_used",): 24.0,
        ("node_sockstat_TCP_inuse",): 4.0,
        ("node_sockstat_TCP_mem",): 104.0,
        ("node_sockstat_TCP_mem_bytes",): 425984.0,
    }


def test_softnet() -> None:
    """Hexadecimal columns; the processor's number stands in the last ones, or is the line's."""
    text = "00008c16 00000001 00000004 0 0 0 0 0 00000002 00000003 00000005 00000006 00000003 0 0\n0000000f 0 0\n"
    found = series(network.parse_softnet(text))
    assert found["node_softnet_processed_total", ("cpu", "3")] == 35862.0
    assert found["node_softnet_backlog_len", ("cpu", "3")] == 6.0
    assert found["node_softnet_processed_total", ("cpu", "1")] == 15.0
    assert ("node_softnet_backlog_len", ("cpu", "1")) not in found


def test_udp_queues() -> None:
    """Bytes of all sockets are added up."""
    text = "  sl  local rem st tx_queue:rx_queue\n 1: A B 07 00000010:00000001 00\n 2: A B 07 00000000:0000000F 00\n"
    assert network.parse_udp_queues(text) == (16.0, 16.0)


def test_arp() -> None:
    """Neighbours are counted by interface."""
    text = "IP address HW type Flags HW address Mask Device\n10.0.0.1 0x1 0x2 aa * eth0\n10.0.0.2 0x1 0x2 ab * eth0\n"
    assert series(network.parse_arp(text)) == {("node_arp_entries", ("device", "eth0")): 2.0}


def test_conntrack() -> None:
    """Statistics of all processors are added up."""
    found = series(
        network.parse_conntrack_stat("entries found drop\n00000002 00000001 0000000a\n00000002 00000001 00000001\n")
    )
    assert found == {("node_nf_conntrack_stat_found",): 2.0, ("node_nf_conntrack_stat_drop",): 11.0}


def test_interfaces() -> None:
    """Properties are numbers in either base; speed becomes bytes; what a device that is down cannot tell is left out."""
    found = series(
        interfaces.interface_families(
            [
                ("eth0", {"flags": "0x1003", "operstate": "up", "speed": "1000", "mtu": "1400", "address": "02:fc"}),
                ("ifb0", {"flags": "0x82", "operstate": "down", "dev_id": "0x0"}),
            ]
        )
    )
    assert found["node_network_up", ("device", "eth0")] == 1.0
    assert found["node_network_speed_bytes", ("device", "eth0")] == 125_000_000.0
    assert found["node_network_flags", ("device", "ifb0")] == 130.0
    assert (
        "node_network_info",
        ("address", "02:fc"),
        ("adminstate", "up"),
        ("device", "eth0"),
        ("operstate", "up"),
    ) in found
    assert ("node_network_info", ("adminstate", "down"), ("device", "ifb0"), ("operstate", "down")) in found
    assert ("node_network_carrier", ("device", "ifb0")) not in found


def test_load_pressure_and_handles() -> None:
    """Small files of the kernel."""
    assert series(kernel.parse_loadavg("0.08 0.05 0.01 1/123 456\n")) == {
        ("node_load1",): 0.08,
        ("node_load5",): 0.05,
        ("node_load15",): 0.01,
    }
    text = (
        "some avg10=0.00 avg60=0.12 avg300=0.03 total=6996696\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=6757216\n"
    )
    assert kernel.parse_pressure(text) == {"some": 6.996696, "full": 6.757216}
    assert series(kernel.parse_file_nr("636\t0\t2466183\n")) == {
        ("node_filefd_allocated",): 636.0,
        ("node_filefd_maximum",): 2466183.0,
    }


def test_os_release() -> None:
    """Values may be quoted; lines that cannot be read are passed over."""
    fields = kernel.parse_os_release(
        'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12.5"\n# x=y\nBAD="\n\n'
    )
    found = series(kernel.os_families(fields))
    assert found["node_os_version", ("id", "debian")] == 12.5
    assert (
        "node_os_info",
        ("id", "debian"),
        ("pretty_name", "Debian GNU/Linux 12 (bookworm)"),
        ("version_id", "12.5"),
    ) in found


def test_timex_in_seconds() -> None:
    """Nanoseconds or microseconds, as the clock's state says."""
    state = timing.Timex(offset=5_000_000, freq=6_553_600_000, maxerror=16_000_000, status=0x2001, tick=10_000)
    found = series(timing.timex_families(state, is_synchronised=True))
    assert found["node_timex_offset_seconds",] == 0.005
    assert found["node_timex_frequency_adjustment_ratio",] == 1.1
    assert found["node_timex_maxerror_seconds",] == 16.0
    assert found["node_timex_sync_status",] == 1.0
    assert found["node_timex_tick_seconds",] == 0.01


def test_sensors() -> None:
    """Sensors are told in degrees, volts, turns and watts, under the chip's place and their own number."""
    families = sensors.sensor_families(
        "platform_coretemp_0",
        "coretemp",
        {
            "temp1_input": "43000",
            "temp1_crit": "100000",
            "temp1_crit_alarm": "0",
            "temp1_label": "Package id 0",
            "fan2_input": "1200",
            "fan2_alarm": "1",
            "in0_input": "1096",
            "power1_average": "25000000",
            "energy1_input": "5000000",
            "pwm1_enable": "2",
            "curr1_input": "1500",
            "humidity1_input": "not a number",
        },
    )
    chip = ("chip", "platform_coretemp_0")
    assert series(families) == {
        ("node_hwmon_chip_names", chip, ("chip_name", "coretemp")): 1.0,
        ("node_hwmon_temp_celsius", chip, ("sensor", "temp1")): 43.0,
        ("node_hwmon_temp_crit_celsius", chip, ("sensor", "temp1")): 100.0,
        ("node_hwmon_temp_crit_alarm_celsius", chip, ("sensor", "temp1")): 0.0,
        ("node_hwmon_sensor_label", chip, ("label", "package_id_0"), ("sensor", "temp1")): 1.0,
        ("node_hwmon_fan_rpm", chip, ("sensor", "fan2")): 1200.0,
        ("node_hwmon_fan_alarm", chip, ("sensor", "fan2")): 1.0,
        ("node_hwmon_in_volts", chip, ("sensor", "in0")): 1.096,
        ("node_hwmon_power_average_watt", chip, ("sensor", "power1")): 25.0,
        ("node_hwmon_energy_joule_total", chip, ("sensor", "energy1")): 5.0,
        ("node_hwmon_pwm_enable", chip, ("sensor", "pwm1")): 2.0,
        ("node_hwmon_curr_amps", chip, ("sensor", "curr1")): 1.5,
    }
    energy = next(family for family in families if family.name == "node_hwmon_energy_joule_total")
    assert energy.type is MetricType.COUNTER


@pytest.mark.parametrize("parse", [memory.parse_meminfo, memory.parse_vmstat, cpu.parse_stat, network.parse_netdev])
def test_nothing_gives_nothing(parse) -> None:
    """An empty file is no fault."""
    assert series(parse("")) == {}

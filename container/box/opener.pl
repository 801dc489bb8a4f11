# The first program in a box without a network: it opens one port of the box's own loopback, leaves that to the forwarder, which takes longer
# to begin and does so when somebody asks for the first time, and becomes the program itself. Who asks waits until then. Run as
# `perl opener.pl PORT NODE FORWARDER SOCKET PROGRAM ARGUMENTS...`.
use strict;
use warnings;

my ($port, $node, $forwarder, $socket, @program) = @ARGV;

# 127 as a shell says it of what it does not find.
sub fail { print STDERR "$_[0]\n"; exit 127 }

# By their numbers, which are the same on all that Linux runs on: a module takes longer to load than all of this.
my ($inet, $stream, $backlog) = (2, 1, 256);
# What is opened is the forwarder's too.
$^F = 255;
socket(my $server, $inet, $stream, 0) or fail("no port in the box: $!");
bind($server, pack("S n C4 x8", $inet, $port, 127, 0, 0, 1)) or fail("no port in the box: $!");
listen($server, $backlog) or fail("no port in the box: $!");

my $first = fork;
fail("the forwarder was not started: $!") if !defined $first;
if ($first == 0) {
    # No child of the program's, which may wait for all that it has.
    my $second = fork;
    exit(defined $second ? 0 : 1) if !defined $second || $second != 0;
    setpgrp(0, 0);
    open(STDIN, "<", "/dev/null");
    open(STDOUT, ">", "/dev/null");
    open(STDERR, ">", "/dev/null");
    # Until somebody asks, it is in nobody's way.
    vec(my $asked = "", fileno($server), 1) = 1;
    select($asked, undef, undef, undef);
    exec { $node } $node, $forwarder, $socket, "fd:" . fileno($server) or exit 127;
}
waitpid($first, 0);
fail("the forwarder was not started") if $? != 0;
close($server);
exec { $program[0] } @program or fail("$program[0] was not started: $!");

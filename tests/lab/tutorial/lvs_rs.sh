#!/bin/bash
# Make this host a real server of a VIP.     lvs_rs.sh start|stop VIP
case $1 in
start) ip addr add "$2/32" dev lo label lo:0 ;;
stop) ip addr del "$2/32" dev lo ;;
esac

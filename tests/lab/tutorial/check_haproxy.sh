#!/bin/bash
# Is there a haproxy? If not, start one and give it a while; if that did not help, leave the VIP to the other node.
if [ "$(ps -C haproxy --no-headers | wc -l)" -eq 0 ]; then
    systemctl restart haproxy
    sleep 5
    if [ "$(ps -C haproxy --no-headers | wc -l)" -eq 0 ]; then
        systemctl stop keepalived
    fi
fi

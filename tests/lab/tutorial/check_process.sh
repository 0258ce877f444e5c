#!/bin/bash
# Is there a haproxy?
pidof haproxy >/dev/null
